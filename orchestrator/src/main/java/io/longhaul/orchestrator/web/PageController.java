package io.longhaul.orchestrator.web;

import org.springframework.stereotype.Controller;
import org.springframework.web.bind.annotation.GetMapping;

/** The page's own addresses all load the page. */
@Controller
public class PageController {
    @GetMapping({"/runs", "/runs/{id}"})
    String page() {
        return "forward:/index.html";
    }
}

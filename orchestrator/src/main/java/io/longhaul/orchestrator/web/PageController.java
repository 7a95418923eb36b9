package io.longhaul.orchestrator.web;

import java.time.Duration;
import org.springframework.http.CacheControl;
import org.springframework.stereotype.Controller;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.servlet.config.annotation.ResourceHandlerRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** The page's own addresses all load the page, which browsers ask for anew each time; {@code /} does so anyway. */
@Controller
public class PageController implements WebMvcConfigurer {
    private static final CacheControl FOREVER = CacheControl.maxAge(Duration.ofDays(365))
            .cachePublic()
            .immutable();

    @GetMapping({"/runs", "/runs/{id}"})
    String page() {
        return "forward:/index.html";
    }

    /** The build names these files by their content, so that a name never means anything else. */
    @Override
    public void addResourceHandlers(ResourceHandlerRegistry registry) {
        registry.addResourceHandler("/assets/**")
                .addResourceLocations("classpath:/static/assets/")
                .setCacheControl(FOREVER);
    }
}

package io.longhaul.orchestrator.web;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.net.URI;
import java.util.Set;
import org.springframework.http.HttpHeaders;
import org.springframework.web.servlet.HandlerInterceptor;

/**
 * A page of another site cannot act through the browser of somebody who reaches the service: browsers say where a
 * request comes from (Fetch Metadata, W3C; older ones {@code Origin}, RFC 6454). Clients that are no browsers say nothing.
 */
public final class SameSite implements HandlerInterceptor {
    private static final Set<String> HARMLESS = Set.of("GET", "HEAD", "OPTIONS");
    private static final Set<String> OWN = Set.of("same-origin", "none");

    @Override
    public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
        if (!HARMLESS.contains(request.getMethod()) && foreign(request)) {
            throw RefusedException.crossSite(
                    "a page of another site (" + request.getHeader(HttpHeaders.ORIGIN)
                            + ") asked for this; use the service's own page, the command line or a client that is no browser");
        }
        return true;
    }

    private static boolean foreign(HttpServletRequest request) {
        String site = request.getHeader("Sec-Fetch-Site");
        if (site != null) {
            return !OWN.contains(site);
        }
        String origin = request.getHeader(HttpHeaders.ORIGIN);
        return origin != null && !authority(origin).equals(request.getHeader(HttpHeaders.HOST));
    }

    /** Of the opaque origin "null" it is no host's either. */
    private static String authority(String origin) {
        try {
            return String.valueOf(URI.create(origin).getAuthority());
        } catch (IllegalArgumentException noAddress) {
            return "";
        }
    }
}

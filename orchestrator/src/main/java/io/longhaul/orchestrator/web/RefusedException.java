package io.longhaul.orchestrator.web;

import org.springframework.http.HttpStatus;

/** The caller asked for what cannot be given. */
final class RefusedException extends RuntimeException {
    private final HttpStatus status;
    private final String type;
    private final String title;

    private RefusedException(HttpStatus status, String type, String title, String message) {
        super(message);
        this.status = status;
        this.type = type;
        this.title = title;
    }

    static RefusedException notFound(String message) {
        return new RefusedException(HttpStatus.NOT_FOUND, "not-found", "Not found", message);
    }

    static RefusedException conflict(String message) {
        return new RefusedException(HttpStatus.CONFLICT, "conflict", "Not possible now", message);
    }

    static RefusedException badParameter(String message) {
        return new RefusedException(HttpStatus.BAD_REQUEST, "bad-parameter", "A parameter is wrong", message);
    }

    static RefusedException keyReused(String message) {
        return new RefusedException(HttpStatus.UNPROCESSABLE_CONTENT, "idempotency-key-reused",
                "The key belongs to another request", message);
    }

    static RefusedException crossSite(String message) {
        return new RefusedException(HttpStatus.FORBIDDEN, "cross-site", "Not from this page", message);
    }

    HttpStatus status() {
        return status;
    }

    /** Last part of the problem's type. */
    String type() {
        return type;
    }

    String title() {
        return title;
    }
}

package io.longhaul.orchestrator.launch.kubernetes;

/** The cluster's API said no, or nothing. */
final class ApiFailure extends RuntimeException {
    private final int status;
    private final String reason;

    /** @param status of HTTP, 0 if there was no answer; {@code reason} as the API's Status object names it */
    ApiFailure(int status, String reason, String message) {
        super(message);
        this.status = status;
        this.reason = reason;
    }

    int status() {
        return status;
    }

    String reason() {
        return reason;
    }
}

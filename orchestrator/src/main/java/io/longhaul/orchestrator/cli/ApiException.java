package io.longhaul.orchestrator.cli;

/** A call failed; the message names the cause and the remedy. */
public final class ApiException extends RuntimeException {
    private final int exitCode;

    public ApiException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    public int exitCode() {
        return exitCode;
    }
}

package io.longhaul.orchestrator.service;

/** The service cannot start; the message names the cause and the remedy, nothing was changed. */
public final class ServiceStartException extends RuntimeException {
    public ServiceStartException(String message) {
        super(message);
    }

    public ServiceStartException(String message, Throwable cause) {
        super(message, cause);
    }
}

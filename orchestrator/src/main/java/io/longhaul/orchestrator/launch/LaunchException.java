package io.longhaul.orchestrator.launch;

/** The world refused to start workers; the message names the cause and the remedy. */
public class LaunchException extends RuntimeException {
    public LaunchException(String message) {
        super(message);
    }

    public LaunchException(String message, Throwable cause) {
        super(message, cause);
    }
}

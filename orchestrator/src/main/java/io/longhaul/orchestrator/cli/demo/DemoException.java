package io.longhaul.orchestrator.cli.demo;

/** The demonstration cannot go on; the message names the cause and the remedy. */
final class DemoException extends RuntimeException {
    DemoException(String message) {
        super(message);
    }

    DemoException(String message, Throwable cause) {
        super(message, cause);
    }
}

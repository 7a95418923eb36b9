package io.longhaul.orchestrator.plan;

/** No legal plan fits; the message names the rules that rejected most candidates and what to change. */
public final class NoPlanException extends RuntimeException {
    public NoPlanException(String message) {
        super(message);
    }
}

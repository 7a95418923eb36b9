package io.longhaul.orchestrator.run;

/** Where a run stands; the last four are ends, of which {@code WAITING} can be left by a person's answer. */
public enum RunPhase {
    PLANNING, LAUNCHING, TRAINING, DRAINING, RECOVERING, ADAPTING, WAITING, COMPLETED, FAILED, STOPPED;

    /** Whether nothing will happen to the run any more. */
    public boolean ended() {
        return this == COMPLETED || this == FAILED || this == STOPPED;
    }
}

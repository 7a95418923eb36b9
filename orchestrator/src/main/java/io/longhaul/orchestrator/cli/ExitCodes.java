package io.longhaul.orchestrator.cli;

/** What the command line's exit codes mean. */
public final class ExitCodes {
    public static final int OK = 0;
    public static final int FAILED = 1;
    public static final int USAGE = 2;
    public static final int NOT_REACHABLE = 3;
    public static final int NOT_FOUND = 4;
    /** The command did its work, the run did not end well. */
    public static final int RUN_FAILED = 6;
    /** The command did its work, there is no plan. */
    public static final int NO_PLAN = 6;
    public static final int INTERRUPTED = 130;

    private ExitCodes() {}
}

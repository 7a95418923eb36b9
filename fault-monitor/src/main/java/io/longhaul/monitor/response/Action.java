package io.longhaul.monitor.response;

/** What can be done about a finding, mildest first. */
public enum Action {
    /** Go on and keep watching. */
    WATCH,
    /** End the attempt, go on from the newest checkpoint with all ranks in their places. */
    RESTART,
    /** The same with another node in the place of one. */
    REPLACE_NODE,
    /** The same with another plan, on the nodes that are left. */
    REPLAN,
    /** End the attempt, go back to a checkpoint before the damage and read the same data again. */
    ROLL_BACK,
    /** End the attempt, go back to a checkpoint before the damage, do not read that data again. */
    ROLL_BACK_AND_SKIP,
    /** Go back to a checkpoint before the damage and go on with a lower learning rate. */
    LOWER_LEARNING_RATE,
    /** End the attempt and wait for a person. */
    ASK;

    /** The attempt is ended. */
    public boolean ends() {
        return this != WATCH;
    }
}

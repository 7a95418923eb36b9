package io.longhaul.orchestrator.launch;

/** The world cannot do it now; the same call may succeed later. The message names the cause and the remedy. */
public final class BlockedException extends LaunchException {
    public BlockedException(String message) {
        super(message);
    }
}

package io.longhaul.orchestrator.cli.demo;

import io.longhaul.orchestrator.launch.local.ProcessTable;
import io.longhaul.orchestrator.launch.local.ProcessTable.Identity;
import java.io.IOException;
import java.util.Comparator;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Hurts a run as the world would, by signals to its processes: the service is told nothing. A rank is slowed for
 * a while by stopping and continuing it, later another one is killed. Both wait for an attempt after the first, so
 * that the corrupt data is met alone.
 */
final class FaultInjector implements AutoCloseable {
    static final int SLOW_RANK = 1;
    static final int KILLED_RANK = 0;
    private static final double SLOW_FROM = 0.38;
    private static final double SLOW_TO = 0.48;
    private static final double KILL_AT = 0.55;
    /** Of each period the rank is stopped this long. */
    private static final long STOPPED_MILLIS = 90;
    private static final long PERIOD_MILLIS = 140;

    private final String run;
    private final long totalSteps;
    private volatile boolean slowing;
    private boolean slowed;
    private boolean killed;
    private @org.jspecify.annotations.Nullable Thread slower;

    FaultInjector(String run, long totalSteps) {
        this.run = run;
        this.totalSteps = totalSteps;
    }

    /** To be called as the run goes; returns what was done now, for people, or an empty text. */
    String progress(int attempt, long step) {
        if (attempt < 2) {
            return "";
        }
        if (!slowed && step >= SLOW_FROM * totalSteps) {
            OptionalLong pid = pid(attempt, SLOW_RANK);
            if (pid.isPresent()) {
                slowed = true;
                slow(pid.getAsLong());
                return "slowing rank " + SLOW_RANK + " (process " + pid.getAsLong()
                        + ") by SIGSTOP and SIGCONT";
            }
        }
        if (slowing && step >= SLOW_TO * totalSteps) {
            close();
            return "rank " + SLOW_RANK + " runs freely again";
        }
        if (!killed && step >= KILL_AT * totalSteps) {
            OptionalLong pid = pid(attempt, KILLED_RANK);
            if (pid.isPresent()) {
                killed = true;
                signal("KILL", pid.getAsLong());
                return "killing rank " + KILLED_RANK + " (process " + pid.getAsLong() + ") with SIGKILL";
            }
        }
        return "";
    }

    private void slow(long pid) {
        slowing = true;
        slower = Thread.ofPlatform().daemon().name("slow-rank").start(() -> {
            try {
                while (slowing && ProcessHandle.of(pid).isPresent()) {
                    signal("STOP", pid);
                    TimeUnit.MILLISECONDS.sleep(STOPPED_MILLIS);
                    signal("CONT", pid);
                    TimeUnit.MILLISECONDS.sleep(PERIOD_MILLIS - STOPPED_MILLIS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                signal("CONT", pid);
            }
        });
    }

    /** The rank's process, on this machine also if it runs in a pod. */
    private OptionalLong pid(int attempt, int rank) {
        return having("LONGHAUL_RUN", run)
                .filter(having("LONGHAUL_ATTEMPT", Integer.toString(attempt)).toList()::contains)
                .filter(having("RANK", Integer.toString(rank)).toList()::contains)
                .min(Comparator.comparingLong(Identity::started))
                .stream()
                .mapToLong(Identity::pid)
                .findFirst();
    }

    private static Stream<Identity> having(String variable, String value) {
        return ProcessTable.withVariable(variable, value).stream();
    }

    private static void signal(String name, long pid) {
        try {
            new ProcessBuilder("kill", "-" + name, Long.toString(pid))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new DemoException("cannot send SIG" + name + " to process " + pid, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets a slowed rank run freely. */
    @Override
    public void close() {
        slowing = false;
        if (slower != null) {
            // Not interrupted: a SIGSTOP under way could then land after the last SIGCONT, and the rank would hang.
            try {
                slower.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            slower = null;
        }
    }
}

package io.longhaul.monitor;

import io.longhaul.monitor.Finding.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * All detectors of one attempt. Deterministic: the findings are a function of the signals so far, so that a
 * monitor is rebuilt by feeding it the same signals again.
 */
public final class AttemptMonitor {
    private final Thresholds thresholds;
    private final SpikeDetector spikes;
    private final SlowRankDetector slowRanks;
    private @Nullable Instant startedAt;
    private @Nullable Instant lastStepAt;
    private long lastStep;
    private boolean stalled;
    private boolean exited;
    private boolean nan;

    /** @param ranks size of the world */
    public AttemptMonitor(int ranks, Thresholds thresholds) {
        this.thresholds = thresholds;
        this.spikes = new SpikeDetector(thresholds);
        this.slowRanks = new SlowRankDetector(ranks, thresholds);
    }

    /** What one more signal shows; often nothing. */
    public List<Finding> accept(Signal signal) {
        return switch (signal) {
            case Signal.Step step -> step(step);
            case Signal.RankStep step -> slowRanks.accept(step);
            case Signal.RankStarted started -> {
                if (startedAt == null) {
                    startedAt = started.at();
                }
                yield List.of();
            }
            case Signal.RankExited exit -> exit(exit).stream().toList();
            case Signal.NodeGone gone -> {
                if (exited) {
                    yield List.of();
                }
                exited = true;
                yield List.of(
                        finding(Kind.EXITED, gone.at(), OptionalLong.empty(), OptionalInt.empty(),
                                "node " + gone.node() + " is gone: " + gone.detail(), Map.of()));
            }
            case Signal.Tick tick -> stall(tick.at()).stream().toList();
        };
    }

    private List<Finding> step(Signal.Step step) {
        lastStepAt = step.at();
        lastStep = step.step();
        if (!Double.isFinite(step.loss()) && !step.skippedUpdate() && !nan) {
            nan = true;
            return List.of(
                    finding(Kind.NAN, step.at(), OptionalLong.of(step.step()), OptionalInt.empty(),
                            "the loss of step " + step.step() + " is not a number",
                            Map.of("loss", Double.toString(step.loss()))));
        }
        return spikes.accept(step).stream().toList();
    }

    private Optional<Finding> exit(Signal.RankExited exit) {
        boolean orderly = exit.signal().isEmpty() && exit.code().orElse(0) == 0;
        if (orderly || exited) {
            return Optional.empty();
        }
        exited = true;
        String how = exit.signal().isPresent()
                ? "was killed by signal " + exit.signal().getAsInt()
                : "exited with code " + exit.code().getAsInt();
        Map<String, String> evidence = new LinkedHashMap<>();
        exit.signal().ifPresent(signal -> evidence.put("signal", Integer.toString(signal)));
        exit.code().ifPresent(code -> evidence.put("exit code", Integer.toString(code)));
        evidence.put("last step", Long.toString(lastStep));
        if (!exit.lastLines().isBlank()) {
            evidence.put("last output", exit.lastLines());
        }
        return Optional.of(
                finding(Kind.EXITED, exit.at(), OptionalLong.empty(), OptionalInt.of(exit.rank()),
                        "rank " + exit.rank() + " " + how + " after step " + lastStep, evidence));
    }

    private Optional<Finding> stall(Instant now) {
        Instant since = lastStepAt != null ? lastStepAt : startedAt;
        if (since == null || stalled || exited) {
            return Optional.empty();
        }
        Duration limit = lastStepAt != null ? thresholds.stallTimeout() : thresholds.startTimeout();
        Duration silence = Duration.between(since, now);
        if (silence.compareTo(limit) <= 0) {
            return Optional.empty();
        }
        stalled = true;
        return Optional.of(
                finding(Kind.STALLED, now, OptionalLong.of(lastStep + 1), OptionalInt.empty(),
                        lastStepAt != null
                                ? "no step for " + silence.toSeconds() + " s after step " + lastStep
                                : "no first step within " + silence.toSeconds() + " s of the start",
                        Map.of("silence", silence.toSeconds() + " s", "allowed", limit.toSeconds() + " s")));
    }

    private static Finding finding(
            Kind kind, Instant at, OptionalLong step, OptionalInt rank, String summary,
            Map<String, String> evidence) {
        return new Finding(kind, at, step, rank, summary, evidence);
    }
}

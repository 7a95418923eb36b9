package io.longhaul.monitor;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/**
 * Watches one attempt: takes its signals one by one, in the order in which they were stored, and says what is
 * wrong.
 *
 * <p>Deterministic: the same signals give the same findings, so a monitor is rebuilt by replaying them. Each
 * trouble is reported once: a spike when it is confirmed, a stall when it is overdue, of exits the first (those
 * that follow are its consequence), a slow rank when it becomes slow and when it is well again. Steps without an
 * update are looked at for progress only; their loss was kept from the weights.
 *
 * <p>A {@link Signal.Tick} claims that everything up to its time was delivered. After a pause of the watcher
 * itself, stored signals come first and then the workers need time to send what they kept; a tick before that
 * would report a stall that is none.
 */
public final class AttemptMonitor {
    private final int ranks;
    private final SpikeDetector spikes;
    private final SlowRankDetector slowRanks;
    private final ProgressWatch progress;
    private final long[] lastStepOfRank;
    private final boolean[] ended;
    private long lastStep = Long.MIN_VALUE;
    private boolean notFinite;
    private boolean exited;

    /**
     * Ranks whose shares of the work may differ.
     *
     * @param ranks size of the world; ranks are numbered from 0
     */
    public AttemptMonitor(int ranks, Thresholds thresholds) {
        this(ranks, List.of(IntStream.range(0, ranks).boxed().toList()), false, thresholds);
    }

    /**
     * @param ranks size of the world; ranks are numbered from 0
     * @param peers groups of ranks that do equal work, as the data-parallel peers of one pipeline stage do; ranks in
     *     no group, or alone in theirs, are never called slow
     */
    public AttemptMonitor(int ranks, List<List<Integer>> peers, Thresholds thresholds) {
        this(ranks, peers, true, thresholds);
    }

    private AttemptMonitor(int ranks, List<List<Integer>> peers, boolean equalWork, Thresholds thresholds) {
        if (ranks < 1) {
            throw new IllegalArgumentException("ranks must be >= 1, got " + ranks);
        }
        this.ranks = ranks;
        spikes = new SpikeDetector(thresholds.spike());
        slowRanks = new SlowRankDetector(ranks, peers, equalWork, thresholds.slow());
        progress = new ProgressWatch(thresholds.startTimeout(), thresholds.stallTimeout());
        lastStepOfRank = new long[ranks];
        Arrays.fill(lastStepOfRank, -1);
        ended = new boolean[ranks];
    }

    /** The findings that this signal completes, usually none. */
    public List<Finding> accept(Signal signal) {
        return switch (signal) {
            case Signal.Step s -> step(s);
            case Signal.RankStep s -> rankStep(s);
            case Signal.RankStarted s -> {
                progress.begun(s.at());
                yield List.of();
            }
            case Signal.RankExited s -> rankExited(s);
            case Signal.NodeGone s -> nodeGone(s);
            case Signal.Tick s -> tick(s);
        };
    }

    private List<Finding> step(Signal.Step s) {
        progress.onStep(s.at(), s.step());
        if (s.step() <= lastStep || s.skippedUpdate()) {
            lastStep = Math.max(lastStep, s.step());
            return List.of();
        }
        lastStep = s.step();
        boolean gradientFinite = !s.gradientNorm().isPresent()
                || Double.isFinite(s.gradientNorm().getAsDouble());
        if (!Double.isFinite(s.loss()) || !gradientFinite) {
            return notFinite(s);
        }
        notFinite = false;
        return spikes.onLoss(s.step(), s.loss()).map(spike -> List.of(spike(s, spike))).orElse(List.of());
    }

    private List<Finding> notFinite(Signal.Step s) {
        if (notFinite) {
            return List.of();
        }
        notFinite = true;
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("loss", Double.toString(s.loss()));
        s.gradientNorm().ifPresent(norm -> evidence.put("gradient norm", Double.toString(norm)));
        String what = Double.isFinite(s.loss()) ? "gradient" : "loss";
        return List.of(
                new Finding(
                        Finding.Kind.NAN, s.at(), OptionalLong.of(s.step()), OptionalInt.empty(),
                        "the " + what + " is not finite at step " + s.step(), evidence));
    }

    private static Finding spike(Signal.Step s, SpikeDetector.Spike spike) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("loss", decimal(s.loss()));
        evidence.put("baseline", decimal(spike.baseline()));
        evidence.put("limit", decimal(spike.limit()));
        evidence.put("highest", decimal(spike.peak()));
        evidence.put("standard deviation", decimal(spike.sigma()));
        evidence.put("steps above the limit", Integer.toString(spike.highSteps()));
        evidence.put("reported at step", Long.toString(s.step()));
        s.gradientNorm().ifPresent(norm -> evidence.put("gradient norm", decimal(norm)));
        return new Finding(
                Finding.Kind.SPIKE, s.at(), OptionalLong.of(spike.step()), OptionalInt.empty(),
                "the loss rose from " + decimal(spike.baseline()) + " to " + decimal(spike.peak())
                        + " from step "
                        + spike.step() + " on and stayed up",
                evidence);
    }

    private List<Finding> rankStep(Signal.RankStep s) {
        if (s.rank() >= 0 && s.rank() < lastStepOfRank.length) {
            lastStepOfRank[s.rank()] = Math.max(lastStepOfRank[s.rank()], s.step());
        }
        List<Finding> findings = new ArrayList<>();
        for (SlowRankDetector.Change change : slowRanks.onStep(s.rank(), s.step(), s.computeSeconds())) {
            findings.add(slowRank(s.at(), change));
        }
        return List.copyOf(findings);
    }

    private static Finding slowRank(Instant at, SlowRankDetector.Change change) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("compute seconds", decimal(change.computeSeconds()));
        evidence.put("compute seconds of its peers", decimal(change.peerSeconds()));
        evidence.put("ratio to its peers", decimal(change.ratio()));
        evidence.put("ratio to its own past", decimal(change.ownRatio()));
        if (!change.slow()) {
            evidence.put("seconds lost", decimal(change.lostSeconds()));
        }
        String summary = change.slow()
                ? "rank " + change.rank() + " computes " + decimal(change.ratio())
                        + " times as long as its peers since step " + change.since()
                : "rank " + change.rank() + " is as fast as its peers again since step " + change.since();
        return new Finding(
                change.slow() ? Finding.Kind.SLOW_RANK : Finding.Kind.RECOVERED, at,
                OptionalLong.of(change.since()),
                OptionalInt.of(change.rank()), summary, evidence);
    }

    private List<Finding> rankExited(Signal.RankExited s) {
        boolean failed = s.signal().isPresent() || s.code().orElse(0) != 0;
        if (s.rank() >= 0 && s.rank() < ended.length) {
            ended[s.rank()] = true;
        }
        if (!failed || exited) {
            return List.of();
        }
        exited = true;
        Map<String, String> evidence = new LinkedHashMap<>();
        s.code().ifPresent(code -> evidence.put("exit code", Integer.toString(code)));
        s.signal().ifPresent(number -> evidence.put("signal", signalName(number)));
        if (!s.lastLines().isBlank()) {
            evidence.put("last output", s.lastLines());
        }
        String how = s.signal().isPresent()
                ? "was ended by " + signalName(s.signal().getAsInt())
                : "exited with code " + s.code().orElse(0);
        return List.of(
                new Finding(
                        Finding.Kind.EXITED, s.at(), nextStep(), OptionalInt.of(s.rank()),
                        "rank " + s.rank() + " " + how + afterStep(), evidence));
    }

    private List<Finding> nodeGone(Signal.NodeGone s) {
        if (exited) {
            return List.of();
        }
        exited = true;
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("node", Integer.toString(s.node()));
        evidence.put("witnesses", s.detail());
        return List.of(
                new Finding(
                        Finding.Kind.EXITED, s.at(), nextStep(), OptionalInt.empty(),
                        "node " + s.node() + " is gone" + afterStep(),
                        evidence));
    }

    private List<Finding> tick(Signal.Tick s) {
        if (exited || allEnded()) {
            return List.of();
        }
        ProgressWatch.Overdue overdue = progress.onTime(s.at());
        if (overdue == null) {
            return List.of();
        }
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("waited seconds", Long.toString(overdue.waited().toSeconds()));
        evidence.put("limit seconds", Long.toString(overdue.limit().toSeconds()));
        OptionalInt behind = behind();
        if (behind.isPresent()) {
            evidence.put("last step of rank " + behind.getAsInt(), lastStepOf(behind.getAsInt()));
        }
        String what = overdue.lastStep().isPresent()
                ? "no step after step " + overdue.lastStep().getAsLong() + " for "
                        + overdue.waited().toSeconds() + " s"
                : "no first step within " + overdue.waited().toSeconds() + " s";
        return List.of(
                new Finding(
                        Finding.Kind.STALLED, s.at(), nextStep(), behind,
                        behind.isPresent()
                                ? what + "; rank " + behind.getAsInt() + " is behind the others"
                                : what,
                        evidence));
    }

    private boolean allEnded() {
        for (boolean one : ended) {
            if (!one) {
                return false;
            }
        }
        return true;
    }

    /** The only rank that reported fewer steps than all others, if there is exactly one. */
    private OptionalInt behind() {
        long newest = Arrays.stream(lastStepOfRank).max().orElse(-1);
        OptionalInt found = OptionalInt.empty();
        for (int rank = 0; rank < ranks; rank++) {
            if (lastStepOfRank[rank] < newest) {
                if (found.isPresent()) {
                    return OptionalInt.empty();
                }
                found = OptionalInt.of(rank);
            }
        }
        return found;
    }

    private String lastStepOf(int rank) {
        return lastStepOfRank[rank] < 0 ? "none" : Long.toString(lastStepOfRank[rank]);
    }

    private OptionalLong nextStep() {
        return lastStep == Long.MIN_VALUE ? OptionalLong.empty() : OptionalLong.of(lastStep + 1);
    }

    private String afterStep() {
        return lastStep == Long.MIN_VALUE ? " before the first step" : " after step " + lastStep;
    }

    private static String signalName(int number) {
        return switch (number) {
            case 6 -> "SIGABRT";
            case 7 -> "SIGBUS";
            case 9 -> "SIGKILL";
            case 11 -> "SIGSEGV";
            case 15 -> "SIGTERM";
            default -> "signal " + number;
        };
    }

    private static String decimal(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }
}

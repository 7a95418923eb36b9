package io.longhaul.monitor;

import io.longhaul.monitor.hang.HangCause;
import io.longhaul.monitor.hang.HangDiagnosis;
import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.health.GpuHealth;
import io.longhaul.monitor.health.GpuLimits;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.LogRule;
import io.longhaul.monitor.log.RootCause;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.steptime.StepTimeEvent;
import io.longhaul.monitor.steptime.StepTimeMonitor;
import io.longhaul.monitor.straggler.JobShape;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/**
 * Watches one attempt: takes its signals one by one, in the order in which they were stored, and says what is
 * wrong.
 *
 * <p>Deterministic: the same signals give the same findings, so a monitor is rebuilt by replaying them. Each
 * trouble is reported once, and again when it becomes graver: a spike at its first point and when it stays up, a
 * stall when it is overdue, of exits the first (those that follow are its consequence), a slow rank when it becomes
 * slow and when it is well again. Steps without an update are looked at for progress only; their loss was kept from
 * the weights.
 *
 * <p>A {@link Signal.Tick} claims that everything up to its time was delivered. After a pause of the watcher
 * itself, stored signals come first and then the workers need time to send what they kept; a tick before that
 * would report a stall that is none.
 */
public final class AttemptMonitor {
    /** Groups of a rank that are looked at; a job has some ten. */
    private static final int MOST_GROUPS = 64;

    private final int ranks;
    private final LossFindings loss;
    private final StepTimeMonitor stepTime;
    private final RankFindings phases;
    private final ProgressWatch progress;
    private final LogEvidence log = new LogEvidence();
    private final InternalFindings internals = new InternalFindings();
    /** Since the last step, by rank and group. */
    private final Map<List<Integer>, Signal.CollectiveProgress> collectives = new LinkedHashMap<>();
    /** Ranks that have ever told of their collectives: the silence of the others means nothing. */
    private final boolean[] tells;
    private final Map<Integer, GpuHealth> gpus = new HashMap<>();
    private final PreflightFindings preflight;
    private final long[] lastStepOfRank;
    private final boolean[] ended;
    private long lastStep = Long.MIN_VALUE;
    private long lastJudged = Long.MIN_VALUE;
    private boolean exited;

    /**
     * An attempt from the beginning, all of whose ranks work alike but may have different shares.
     *
     * @param ranks size of the world; ranks are numbered from 0
     */
    public AttemptMonitor(int ranks, Thresholds thresholds) {
        this(ranks, new JobShape(List.of(IntStream.range(0, ranks).boxed().toList()), false, 1), thresholds,
                List.of());
    }

    /**
     * @param ranks size of the world; ranks are numbered from 0
     * @param earlier losses of the steps that the attempt goes on from, ascending by step
     */
    public AttemptMonitor(int ranks, JobShape shape, Thresholds thresholds, List<LossPoint> earlier) {
        if (ranks < 1) {
            throw new IllegalArgumentException("ranks must be >= 1, got " + ranks);
        }
        this.ranks = ranks;
        loss = new LossFindings(thresholds.loss(), earlier);
        stepTime = new StepTimeMonitor(thresholds.stepTime());
        phases = new RankFindings(ranks, shape);
        progress = new ProgressWatch(thresholds.startTimeout(), thresholds.stallTimeout());
        preflight = new PreflightFindings(ranks);
        lastStepOfRank = new long[ranks];
        Arrays.fill(lastStepOfRank, -1);
        ended = new boolean[ranks];
        tells = new boolean[ranks];
    }

    /** The findings that this signal completes, usually none. */
    public List<Finding> accept(Signal signal) {
        return switch (signal) {
            case Signal.Step s -> step(s);
            case Signal.RankStep s -> rankStep(s);
            case Signal.Preflight s -> preflight.accept(s);
            case Signal.ModelInternals s -> internals.accept(s);
            case Signal.RankStarted s -> {
                progress.begun(s.at());
                yield List.of();
            }
            case Signal.LogLine s -> log.accept(s).map(rule -> List.of(faultLine(s, rule))).orElse(List.of());
            case Signal.CollectiveProgress s -> {
                List<Integer> key = List.of(s.state().rank(), s.state().group());
                boolean ours = s.state().rank() >= 0 && s.state().rank() < ranks;
                if (ours && (collectives.size() < MOST_GROUPS * ranks || collectives.containsKey(key))) {
                    collectives.put(key, s);
                    tells[s.state().rank()] = true;
                }
                yield List.of();
            }
            case Signal.RankExited s -> rankExited(s);
            case Signal.NodeLine s -> ofNode(s.node())
                    ? log.accept(s)
                            .map(rule -> List
                                    .of(Finding.ofNode(s.at(), s.node(), rule.label(), s.text().strip())))
                            .orElse(List.of())
                    : List.of();
            case Signal.GpuReadings s -> ofNode(s.node()) ? gpus(s) : List.of();
            case Signal.NodeGone s -> nodeGone(s);
            case Signal.Tick s -> tick(s);
        };
    }

    private List<Finding> step(Signal.Step s) {
        progress.onStep(s.at(), s.step());
        if (s.step() > lastStep) {
            // Whoever stood still has gone on. Another node's agent may have told of the next standstill already.
            collectives.values().removeIf(told -> !told.at().isAfter(s.at()));
        }
        lastStep = Math.max(lastStep, s.step());
        if (s.skippedUpdate() || s.step() <= lastJudged) {
            return List.of();
        }
        lastJudged = s.step();
        List<Finding> findings = new ArrayList<>(preflight.begun(s.at()));
        findings.addAll(loss.onStep(s));
        for (StepTimeEvent event : stepTime.onStep(s.stepSeconds())) {
            if (event.kind() != StepTimeEvent.Kind.STALL) {
                findings.add(phases.slowSteps(s, event));
            }
        }
        return List.copyOf(findings);
    }

    /** A node has at least one rank. */
    private boolean ofNode(int node) {
        return node >= 0 && node < ranks;
    }

    private List<Finding> gpus(Signal.GpuReadings s) {
        return gpus.computeIfAbsent(s.node(), node -> new GpuHealth(GpuLimits.usual()))
                .onReadings(s.at(), s.readings())
                .stream()
                .filter(event -> log.onNode(s.at(), s.node(), event.rule(), event.text()))
                .map(event -> Finding.ofNode(s.at(), s.node(), event.rule().label(), event.text()))
                .toList();
    }

    private static Finding faultLine(Signal.LogLine s, LogRule rule) {
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("line", s.text().strip());
        evidence.put("label", rule.label().name());
        evidence.put("suspect", word(rule.label().suspect()));
        Grade grade = rule.label().suspect() == Suspect.NODE ? Grade.MAJOR : Grade.MINOR;
        return new Finding(
                Finding.Kind.FAULT_LINE, grade, s.at(), OptionalLong.empty(), OptionalInt.of(s.rank()),
                "rank " + s.rank() + " says " + rule.label().name() + ": " + rule.label().action(), evidence)
                .suspecting(rule.label().suspect());
    }

    private List<Finding> rankStep(Signal.RankStep s) {
        if (s.rank() >= 0 && s.rank() < lastStepOfRank.length) {
            lastStepOfRank[s.rank()] = Math.max(lastStepOfRank[s.rank()], s.step());
        }
        return phases.onStep(s);
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
        Suspect suspect = addCause(evidence, s.at());
        String how = s.signal().isPresent()
                ? "was ended by " + signalName(s.signal().getAsInt())
                : "exited with code " + s.code().orElse(0);
        return List.of(
                new Finding(
                        Finding.Kind.EXITED, s.at(), nextStep(), OptionalInt.of(s.rank()),
                        "rank " + s.rank() + " " + how + afterStep(), evidence).suspecting(suspect));
    }

    private List<Finding> nodeGone(Signal.NodeGone s) {
        if (exited) {
            return List.of();
        }
        exited = true;
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("node", Integer.toString(s.node()));
        evidence.put("witnesses", s.detail());
        Suspect suspect = addCause(evidence, s.at());
        return List.of(
                new Finding(
                        Finding.Kind.EXITED, s.at(), nextStep(), OptionalInt.empty(),
                        "node " + s.node() + " is gone" + afterStep(),
                        evidence).suspecting(suspect));
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
        Suspect suspect = addCause(evidence, s.at());
        OptionalInt behind = behind();
        if (!collectives.isEmpty()) {
            HangCause cause = HangDiagnosis.of(standing());
            evidence.put("waits for", cause.text());
            behind = cause.ranks().size() == 1
                    ? OptionalInt.of(cause.ranks().getFirst())
                    : OptionalInt.empty();
        } else if (behind.isPresent()) {
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
                        evidence).suspecting(suspect));
    }

    /** What the ranks told since the last step, and that those that usually tell did not. */
    private List<RankState> standing() {
        List<RankState> states = new ArrayList<>();
        collectives.values().forEach(told -> states.add(told.state()));
        int group = states.stream().mapToInt(RankState::group).min().orElse(0);
        boolean[] told = new boolean[ranks];
        states.forEach(state -> told[state.rank()] |= state.reporting());
        for (int rank = 0; rank < ranks; rank++) {
            if (tells[rank] && !told[rank] && !collectives.containsKey(List.of(rank, group))) {
                states.add(new RankState(rank, group, -1, -1, RankState.Phase.UNKNOWN, false));
            }
        }
        return states;
    }

    private Suspect addCause(Map<String, String> evidence, Instant at) {
        Optional<RootCause.Line> cause = log.blamed(at);
        cause.ifPresent(line -> {
            evidence.put("cause in the log", line.rule().label().name());
            line.node()
                    .ifPresentOrElse(node -> evidence.put("told by node", Integer.toString(node)),
                            () -> evidence.put("said by rank", Integer.toString(line.rank())));
            evidence.put("line", line.text().strip());
            evidence.put("suspect", word(line.rule().label().suspect()));
        });
        return cause.map(line -> line.rule().label().suspect()).orElse(Suspect.NONE);
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

    private static String word(Suspect suspect) {
        return suspect.name().toLowerCase(Locale.ROOT);
    }
}

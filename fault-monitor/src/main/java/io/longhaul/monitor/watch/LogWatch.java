package io.longhaul.monitor.watch;

import io.longhaul.monitor.internals.GrowthDetector;
import io.longhaul.monitor.internals.Internal;
import io.longhaul.monitor.internals.InternalEvent;
import io.longhaul.monitor.log.LogRule;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.loss.LossEvent;
import io.longhaul.monitor.loss.LossMonitor;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.loss.LossSettings;
import io.longhaul.monitor.steptime.StepTimeEvent;
import io.longhaul.monitor.steptime.StepTimeMonitor;
import io.longhaul.monitor.steptime.StepTimeSettings;
import io.longhaul.monitor.watch.Notice.Grade;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Watches a training log: loss, step time and the lines of everything else that writes there.
 *
 * <p>Lines that come twice, as from several ranks, count once. Two steps in a row that were there before, each with
 * another loss than then, are a restart from a checkpoint: the loss is learned anew, and what the steps take is
 * compared with before.
 */
public final class LogWatch {
    /** A fault that many ranks tell of is told once in so many lines. */
    private static final long QUIET_LINES = 1000;

    /** So many overflows without a finite loss are more than the loss scale finding its place. */
    private static final int STORM = 64;
    private static final Pattern OVERFLOW = Pattern.compile(
            "grad(ient)? overflow(?: on iteration (\\d{1,15}))?|OVERFLOW! .*skipping step",
            Pattern.CASE_INSENSITIVE);

    private final LogRules rules = LogRules.builtIn();
    private final StepTimeMonitor stepTime = new StepTimeMonitor(StepTimeSettings.usual());
    private final UnknownLines unknown = new UnknownLines();
    private final Map<String, Long> told = new HashMap<>();
    private final Map<Internal, GrowthDetector> internals = new EnumMap<>(Internal.class);
    private LossMonitor loss = new LossMonitor(LossSettings.usual());
    private long lines;
    private long points;
    private long lastStep = Long.MIN_VALUE;
    private double lastLoss = Double.NaN;
    private long earlierStep = Long.MAX_VALUE;
    private int overflows;
    private String lastOverflow = "";

    /** What the line is reason for, usually nothing. */
    public List<Notice> accept(String line) {
        lines++;
        Optional<Progress> progress = Progress.parse(line);
        return progress.isPresent() ? progress(progress.get(), line) : other(line);
    }

    /** Lines so far. */
    public long lines() {
        return lines;
    }

    /** Points of the loss so far. */
    public long points() {
        return points;
    }

    public UnknownLines unknownLines() {
        return unknown;
    }

    /** The newest point that was new, if any. */
    public Optional<LossPoint> newest() {
        return lastStep == Long.MIN_VALUE ? Optional.empty() : Optional.of(LossPoint.of(lastStep, lastLoss));
    }

    private List<Notice> progress(Progress progress, String line) {
        List<Notice> notices = new ArrayList<>(0);
        LossPoint point = progress.point();
        if (point.step() <= lastStep) {
            boolean goesOn = point.step() > earlierStep;
            earlierStep = point.step() == lastStep ? earlierStep : point.step();
            if (!goesOn) {
                return notices;
            }
            notices.add(notice("log", "restart", Grade.INFO, point.step(),
                    "training went back from step " + lastStep + " to step " + point.step()));
            loss = new LossMonitor(LossSettings.usual());
            internals.clear();
        }
        earlierStep = Long.MAX_VALUE;
        points++;
        overflows = Double.isFinite(point.loss().orElse(Double.NaN)) ? 0 : overflows;
        lastStep = point.step();
        lastLoss = point.loss().orElse(Double.NaN);
        for (LossEvent event : loss.onPoint(point)) {
            notices.add(
                    notice("loss", kind(event), Grade.values()[event.grade().ordinal()], event.onset(),
                            event.sentence()));
        }
        for (Internal.Reading reading : Internal.of(line)) {
            InternalEvent event = internals.computeIfAbsent(reading.what(), GrowthDetector::new)
                    .onValue(point.step(), reading.value());
            if (event != null) {
                notices.add(notice("model", "early warning", event.beyondLimit() ? Grade.MAJOR : Grade.MINOR,
                        event.onset(), event.sentence()));
            }
        }
        for (StepTimeEvent event : stepTime.onStep(progress.stepSeconds().orElse(Double.NaN))) {
            notices.add(
                    notice("step time", word(event.kind()), event.kind().fault() ? Grade.MAJOR : Grade.INFO,
                            point.step(), event.sentence()));
        }
        return notices;
    }

    private List<Notice> other(String line) {
        Matcher overflow = OVERFLOW.matcher(line);
        if (overflow.find() && !overflow.group().equals(lastOverflow)) {
            lastOverflow = overflow.group(2) == null ? "" : overflow.group();
            if (++overflows == STORM) {
                return List.of(
                        new Notice("loss", "overflow storm", Grade.CRITICAL, lines, stepSoFar(),
                                STORM + " overflows and no finite loss among them"));
            }
        }
        Optional<LogRule> rule = rules.match(line);
        if (rule.isEmpty()) {
            unknown.accept(line);
            return List.of();
        }
        String label = rule.get().label().name();
        Long before = told.get(label);
        if (!rule.get().fault() || before != null && lines - before < QUIET_LINES) {
            return List.of();
        }
        told.put(label, lines);
        Grade grade = rule.get().role() == LogRule.Role.ROOT ? Grade.CRITICAL : Grade.MAJOR;
        return List.of(
                new Notice("log", label, grade, lines, stepSoFar(),
                        rule.get().label().action() + " (" + shortened(line.strip()) + ")"));
    }

    private OptionalLong stepSoFar() {
        return lastStep == Long.MIN_VALUE ? OptionalLong.empty() : OptionalLong.of(lastStep);
    }

    private Notice notice(String family, String kind, Grade grade, long step, String text) {
        return new Notice(family, kind, grade, lines, OptionalLong.of(step), text);
    }

    private static String kind(LossEvent event) {
        boolean stays = event.kind() == LossEvent.Kind.SPIKE && event.grade() == LossEvent.Grade.CRITICAL;
        return stays ? "spike that stays" : word(event.kind());
    }

    private static String word(Enum<?> kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static String shortened(String line) {
        return line.length() <= 160 ? line : line.substring(0, 160) + "...";
    }
}

package io.longhaul.monitor;

import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Where the rank-seconds of a run went. Every moment of every rank is in exactly one account. */
public final class GoodputLedger {
    private GoodputLedger() {}

    /**
     * {@code TRAIN}: steps whose update is kept. {@code CHECKPOINT}: what steps that save took longer than others.
     * {@code SLOW}: what steps took longer than usual while a rank was known to be slow. {@code REDO}: steps whose
     * update was thrown away or never made. {@code INITIALISE}: from the start of the ranks to their first step.
     * {@code SCHEDULE}: planning and waiting for agents. {@code DETECT}: from the last step to the decision to end.
     * {@code DRAIN}: from there until the last process is gone. {@code IDLE}: between steps.
     */
    public enum Account {
        TRAIN, CHECKPOINT, DETECT, DRAIN, SCHEDULE, INITIALISE, REDO, SLOW, IDLE
    }

    /**
     * One step of an attempt.
     *
     * @param seconds wall-clock length, ending at {@code at}
     * @param kept its update is part of the run's weights
     */
    public record StepTime(Instant at, double seconds, boolean kept, boolean checkpoint, boolean slow) {}

    /**
     * One attempt, its times ascending; a missing time has not come yet.
     *
     * @param startedAt ranks were started
     * @param endingAt it was decided to end it, or it ended by itself
     */
    public record AttemptTimes(
            int ranks,
            Instant decidedAt,
            Optional<Instant> startedAt,
            Optional<Instant> endingAt,
            Optional<Instant> endedAt,
            List<StepTime> steps) {}

    /**
     * @param accounts rank-seconds, every account present
     * @param totalSeconds their sum: the ranks times the run's age
     */
    public record Goodput(Map<Account, Double> accounts, double totalSeconds) {
        /** Effective training time ratio: rank-seconds of kept training over all, in [0, 1]; 0 for an empty run. */
        public double ettr() {
            return totalSeconds > 0 ? accounts.getOrDefault(Account.TRAIN, 0.0) / totalSeconds : 0;
        }
    }

    /**
     * @param ranks ranks that are paid for while no attempt exists
     * @param from creation of the run
     * @param to its end, or now
     */
    public static Goodput account(int ranks, Instant from, Instant to, List<AttemptTimes> attempts) {
        Map<Account, Double> accounts = new EnumMap<>(Account.class);
        for (Account account : Account.values()) {
            accounts.put(account, 0.0);
        }
        Instant at = from;
        for (AttemptTimes attempt : attempts) {
            at = spend(accounts, Account.SCHEDULE, ranks, at, attempt.decidedAt());
            at = attempt(accounts, attempt, at, to);
        }
        boolean over = attempts.isEmpty() || attempts.getLast().endedAt().isPresent();
        if (over) {
            at = spend(accounts, Account.SCHEDULE, ranks, at, to);
        }
        return new Goodput(accounts, accounts.values().stream().mapToDouble(Double::doubleValue).sum());
    }

    private static Instant attempt(Map<Account, Double> accounts, AttemptTimes attempt, Instant from,
            Instant to) {
        int ranks = attempt.ranks();
        Instant ended = attempt.endedAt().orElse(to);
        Instant ending = attempt.endingAt().orElse(ended);
        Instant at = spend(accounts, Account.SCHEDULE, ranks, from, attempt.startedAt().orElse(ending));
        if (!attempt.steps().isEmpty()) {
            StepTime first = attempt.steps().getFirst();
            Instant begun = first.at().minusNanos((long) (first.seconds() * 1e9));
            at = spend(accounts, Account.INITIALISE, ranks, at, begun.isAfter(ended) ? ended : begun);
            at = steps(accounts, attempt, at, ended);
            at = spend(accounts, attempt.endingAt().isPresent() ? Account.DETECT : Account.IDLE, ranks, at,
                    ending);
        } else {
            at = spend(accounts, Account.INITIALISE, ranks, at, ending);
        }
        return spend(accounts, Account.DRAIN, ranks, at, ended);
    }

    private static Instant steps(
            Map<Account, Double> accounts, AttemptTimes attempt, Instant from, Instant ended) {
        Instant last = attempt.steps().getLast().at();
        // The workers' clock may run ahead of the one that the run is accounted by.
        Instant end = last.isAfter(ended) ? ended : last;
        Instant to = end.isBefore(from) ? from : end;
        double window = seconds(from, to);
        double median = Medians.median(attempt.steps().stream().mapToDouble(StepTime::seconds).toArray());
        Map<Account, Double> spent = new EnumMap<>(Account.class);
        for (StepTime step : attempt.steps()) {
            double excess = Math.max(0, step.seconds() - median);
            if (!step.kept()) {
                spent.merge(Account.REDO, step.seconds(), Double::sum);
            } else if (step.checkpoint() || step.slow()) {
                spent.merge(step.checkpoint() ? Account.CHECKPOINT : Account.SLOW, excess, Double::sum);
                spent.merge(Account.TRAIN, step.seconds() - excess, Double::sum);
            } else {
                spent.merge(Account.TRAIN, step.seconds(), Double::sum);
            }
        }
        double sum = spent.values().stream().mapToDouble(Double::doubleValue).sum();
        // The trainer's clock and the log's time stamps differ by a little: what is too much is taken from all alike.
        double scale = sum > window ? window / sum : 1;
        spent.forEach((account, value) -> add(accounts, account, attempt.ranks() * scale * value));
        add(accounts, Account.IDLE, attempt.ranks() * Math.max(0, window - sum));
        return to;
    }

    private static Instant spend(
            Map<Account, Double> accounts, Account account, int ranks, Instant from, Instant to) {
        if (!to.isAfter(from)) {
            return from;
        }
        add(accounts, account, ranks * seconds(from, to));
        return to;
    }

    private static void add(Map<Account, Double> accounts, Account account, double rankSeconds) {
        accounts.merge(account, rankSeconds, Double::sum);
    }

    private static double seconds(Instant from, Instant to) {
        return Duration.between(from, to).toNanos() / 1e9;
    }
}

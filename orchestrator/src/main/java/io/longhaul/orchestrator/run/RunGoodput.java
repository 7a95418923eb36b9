package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.GoodputLedger;
import io.longhaul.monitor.GoodputLedger.AttemptTimes;
import io.longhaul.monitor.GoodputLedger.Goodput;
import io.longhaul.monitor.GoodputLedger.StepTime;
import io.longhaul.orchestrator.attempt.AttemptTrack.StepPoint;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A run's goodput and token accounts, from its state and its attempts' steps.
 *
 * @param tokensKept tokens whose update is part of the weights
 * @param tokensRedone tokens trained on again after a restart
 * @param tokensSkipped tokens read without an update, as suspect data
 * @param tokensLost tokens whose update was thrown away
 */
public record RunGoodput(
        Goodput time,
        long tokensKept,
        long tokensRedone,
        long tokensSkipped,
        long tokensLost) {

    /** @param now end of the account while the run goes on */
    public static RunGoodput of(LiveRun run, Instant now) {
        RunState state = run.state();
        Map<Long, Integer> keptBy = new HashMap<>();
        run.kept().forEach(step -> keptBy.put(step.point().step(), step.attempt()));
        List<AttemptTimes> times = new ArrayList<>();
        long thrownAway = 0;
        long redone = 0;
        for (Attempt attempt : state.attempts()) {
            List<StepPoint> points = run.track(attempt.number()).map(t -> t.steps()).orElse(List.of());
            List<StepTime> steps = new ArrayList<>();
            for (StepPoint point : points) {
                boolean kept = Integer.valueOf(attempt.number()).equals(keptBy.get(point.step()));
                if (!kept && !point.skipped()) {
                    thrownAway++;
                    redone += keptBy.containsKey(point.step()) ? 1 : 0;
                }
                if (Double.isFinite(point.seconds())) {
                    steps.add(
                            new StepTime(
                                    point.at(),
                                    point.seconds(),
                                    kept,
                                    (point.step() - 1) % state.spec().training().checkpointEverySteps() == 0,
                                    slow(state, attempt.number(), point.at())));
                }
            }
            times.add(
                    new AttemptTimes(
                            attempt.launch().worldSize(), attempt.decidedAt(), attempt.startedAt(),
                            attempt.endingAt(), attempt.endedAt(), steps));
        }
        int ranks = state.plan().map(p -> p.nodes() * p.ranksPerNode()).orElse(1);
        Instant to = state.endedAt().orElse(now);
        long skipped = state.skipped().stream().mapToLong(StepRange::length).sum();
        return new RunGoodput(
                GoodputLedger.account(ranks, state.createdAt(), to, times),
                keptBy.size() * state.tokensPerStep(),
                redone * state.tokensPerStep(),
                skipped * state.tokensPerStep(),
                thrownAway * state.tokensPerStep());
    }

    private static boolean slow(RunState state, int attempt, Instant at) {
        return state.incidents()
                .stream()
                .anyMatch(
                        i -> i.kind() == Finding.Kind.SLOW_RANK && i.attempt() == attempt
                                && !at.isBefore(i.openedAt())
                                && i.closedAt().map(closed -> !at.isAfter(closed)).orElse(true));
    }
}

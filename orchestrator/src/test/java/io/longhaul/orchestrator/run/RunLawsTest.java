package io.longhaul.orchestrator.run;

import static io.longhaul.orchestrator.run.Lives.inputs;
import static io.longhaul.orchestrator.run.Lives.life;
import static io.longhaul.orchestrator.run.Lives.verified;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.run.Lives.Life;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import io.longhaul.orchestrator.telemetry.AgentRecord.CheckpointState;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What holds for every run, whatever comes in. */
final class RunLawsTest {
    /** Any order of any inputs: the laws of a run's life hold, and its events alone give the same run. */
    @ParameterizedTest
    @EnumSource(Adapt.class)
    void theLawsHoldWhateverComesInWhateverOrder(Adapt adapt) {
        Map<RunPhase, Integer> ends = new LinkedHashMap<>();
        for (int seed = 0; seed < 200; seed++) {
            Life life = life(adapt);
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < 120; i++) {
                Life before = new Life(life.state.spec());
                before.state = life.state;
                life.then(any(random, Math.max(1, life.state.attempts().size())));
                holds(before.state, life, seed);
            }
            List<RunEvent> stored = life.events.stream().map(RunJson::text).map(RunJson::event).toList();
            law(stored.equals(life.events), seed, "events are stored as they were");
            law(told(RunState.of(Runs.ID, stored)).equals(told(life.state)), seed,
                    "the events alone give the same run");
            ends.merge(life.state.phase(), 1, Integer::sum);
        }
        assertThat(ends).as("endings that were reached")
                .containsKeys(RunPhase.COMPLETED, RunPhase.FAILED,
                        RunPhase.STOPPED, RunPhase.WAITING);
    }

    /** All that a state says. */
    private static List<Object> told(RunState s) {
        return List.of(s.phase(), s.reason(), s.plan(), s.recipe(), s.stopRequested(), s.waitingFor(),
                s.endedAt(),
                s.skipped(), s.attempts(), s.incidents(), s.changes(), s.checkpoints(), s.needsAdvice(),
                s.awaitsScore(), s.skippedNext(), s.resumeStep(), s.machines());
    }

    private static void holds(RunState before, Life life, int seed) {
        RunState state = life.state;
        law(!before.phase().ended() || life.last.events().isEmpty(), seed, "an end is an end");
        law(state.attempts().stream().filter(Attempt::live).count() < 2, seed, "one attempt at a time");
        law(state.attempts().size() <= 1 + state.spec().policies().maxRestarts(), seed,
                "the restarts are bounded");
        if (state.attempts().size() > before.attempts().size()) {
            Attempt next = life.attempt();
            long resume = next.launch().resumeStep();
            law(resume == 0 || before.checkpoints()
                    .stream()
                    .anyMatch(c -> c.state() == CheckpointState.VERIFIED && c.step() == resume), seed,
                    "it resumes from a verified checkpoint");
            law(before.skipped()
                    .stream()
                    .allMatch(old -> next.skipped()
                            .stream()
                            .anyMatch(now -> now.first() <= old.first() && old.last() <= now.last())),
                    seed,
                    "skipped data stays skipped");
        }
        law(life.last.commands().stream().allMatch(c -> state.attempt(c.attempt()).live()), seed,
                "the dead are told nothing");
        boolean asks = state.waitingFor().isPresent();
        law((state.phase() == RunPhase.WAITING) == asks, seed, "waiting has a named reason");
        law(state.phase().ended() || asks || state.plan().isEmpty() || state.needsAdvice()
                || state.awaitsScore().isPresent() || state.lastAttempt().filter(Attempt::live).isPresent(),
                seed,
                "something goes on, or the run has ended or asks");
    }

    private static void law(boolean holds, int seed, String law) {
        if (!holds) {
            throw new AssertionError("seed " + seed + " breaks: " + law);
        }
    }

    private static RunInput any(SplittableRandom random, int attempt) {
        List<IntFunction<RunInput>> likely = List.of(
                n -> new RunInput.PlanReady(Runs.PLAN), RunInput.Created::new,
                n -> new RunInput.Told(n, 0, Runs.registered(0)),
                n -> new RunInput.Told(n, 1, Runs.registered(1)),
                n -> new RunInput.Ready(n, List.of()), n -> new RunInput.Stepped(n, 1),
                n -> verified(n, 10L * random.nextInt(1, 10)),
                n -> new RunInput.Fenced(n, random.nextInt(100), Optional.empty()),
                n -> new RunInput.Told(n, 0, Runs.allExited("completed")),
                n -> new RunInput.Told(n, 1, Runs.allExited("completed")),
                n -> Runs.spikeInShard(n, 28, 26, 30), n -> Runs.advised(n + 1, true), Runs::scored);
        int of = random.nextInt(8) == 0 ? Math.max(1, attempt - 1) : attempt;
        if (random.nextInt(10) < 8) {
            return likely.get(random.nextInt(likely.size())).apply(of);
        }
        List<RunInput> all = inputs(of).values()
                .stream()
                .filter(i -> !(i instanceof RunInput.ChangeAnswered || i instanceof RunInput.WaitAnswered))
                .filter(i -> !(i instanceof RunInput.StopAsked) || random.nextInt(3) == 0)
                .toList();
        return all.get(random.nextInt(all.size()));
    }
}

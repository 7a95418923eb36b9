package io.longhaul.orchestrator.run;

import static io.longhaul.orchestrator.run.Lives.DECIDER;
import static io.longhaul.orchestrator.run.Lives.EPOCH;
import static io.longhaul.orchestrator.run.Lives.LATER;
import static io.longhaul.orchestrator.run.Lives.ending;
import static io.longhaul.orchestrator.run.Lives.inputs;
import static io.longhaul.orchestrator.run.Lives.life;
import static io.longhaul.orchestrator.run.Lives.places;
import static io.longhaul.orchestrator.run.Lives.starting;
import static io.longhaul.orchestrator.run.Lives.training;
import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.Golden;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.run.Lives.Life;
import io.longhaul.orchestrator.run.RunDecider.Decision;
import io.longhaul.orchestrator.run.RunSpec.Policies.Adapt;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What every input means in every place, and how an attempt starts. */
final class RunDeciderTest {
    private static String shown(Decision decision) {
        String events = decision.events()
                .stream()
                .map(e -> e.getClass().getSimpleName())
                .collect(Collectors.joining(" "));
        String commands = decision.commands()
                .stream()
                .map(c -> c.command().id())
                .collect(Collectors.joining(" "));
        return commands.isEmpty() ? events : events + " | " + commands;
    }

    private static String shown(RunState state, RunInput input) {
        try {
            return shown(DECIDER.decide(state, input, LATER, EPOCH));
        } catch (IllegalStateException | IllegalArgumentException refused) {
            return "refused: " + refused.getMessage().replace(Runs.ID.toString(), "ID");
        }
    }

    /** The table of what every input means everywhere; what is not in it means nothing. */
    @Test
    void everyInputIsDecidedInEveryPlace() {
        StringBuilder table = new StringBuilder();
        places().forEach((place, life) -> {
            table.append(place).append('\n');
            int attempt = Math.max(1, life.state.attempts().size());
            List<String> nothing = new ArrayList<>();
            inputs(attempt).forEach((name, input) -> {
                String decided = shown(life.state, input);
                if (decided.isEmpty()) {
                    nothing.add(name);
                } else {
                    table.append("  %-26s %s%n".formatted(name, decided));
                }
            });
            table.append("  nothing from: ").append(String.join(", ", nothing)).append("\n\n");
        });
        Golden.check("run-decisions.txt", table.toString());
    }

    @Test
    void theTableLeavesOutNoPlaceAndNoInput() {
        assertThat(places().values()).extracting(life -> life.state.phase())
                .contains(RunPhase.PLANNING,
                        RunPhase.LAUNCHING, RunPhase.TRAINING, RunPhase.DRAINING, RunPhase.RECOVERING,
                        RunPhase.WAITING,
                        RunPhase.COMPLETED, RunPhase.FAILED, RunPhase.STOPPED);
        assertThat(places().values()
                .stream()
                .flatMap(life -> life.state.lastAttempt().stream())
                .map(Attempt::stage))
                .contains(Attempt.Stage.values());
        assertThat(inputs(1).values().stream().<Class<?>>map(Object::getClass))
                .contains(RunInput.class.getPermittedSubclasses());
    }

    /** A crash between storing and acting repeats an input; a slow network brings it late. */
    @Test
    void whatIsRepeatedOrLateMeansNothing() {
        places().forEach(
                (place, life) -> inputs(Math.max(1, life.state.attempts().size())).forEach((name, input) -> {
                    if (!(input instanceof RunInput.ChangeAnswered
                            || input instanceof RunInput.WaitAnswered)) {
                        Decision once = DECIDER.decide(life.state, input, LATER, EPOCH);
                        assertThat(shown(once.state(), input)).as("%s, twice in %s", name, place).isEmpty();
                    }
                }));
        Life second = training(Adapt.OFF).then(Runs.found(1, Finding.Kind.EXITED, 9))
                .then(ending(1, "failed", 9))
                .then(starting(2));
        inputs(1).forEach((name, input) -> {
            if (!List
                    .of("stop asked", "person says yes", "person says no", "change approved",
                            "change rejected")
                    .contains(name)) {
                assertThat(shown(second.state, input)).as("%s of the attempt before", name).isEmpty();
            }
        });
    }

    @Test
    void ranksStartOnceWhenEveryAgentIsThere() {
        Life life = life(Adapt.OFF).then(Arrays.copyOf(starting(1), 5));
        assertThat(life.last.commands()).hasSize(2);
        AgentCommand.Start start = (AgentCommand.Start) life.last.commands().get(1).command();
        assertThat(life.last.commands().get(1).node()).isEqualTo(1);
        assertThat(start).isEqualTo(
                new AgentCommand.Start("start-1-1", EPOCH, List.of("train", "--lr", "0.001", "--from", "0"),
                        Map.of("SKIP", "[]"), 2, 1, 1, "host-0", 29_500, 0));
        assertThat(life(Adapt.OFF).then(new RunInput.PlanReady(Runs.PLAN),
                new RunInput.Told(1, 0, Runs.registered(0)),
                new RunInput.Told(1, 1, Runs.registered(1)), new RunInput.Created(1),
                new RunInput.Ready(1, List.of())).last.commands())
                .as("agents may register before the backend has returned")
                .hasSize(2);
    }

    @Test
    void whereNodesAreDecidesWhichRanksTheyGet() {
        RunInput[] starting = Arrays.copyOf(starting(1), 5);
        starting[4] = new RunInput.Ready(1, List.of(List.of("leaf-b", "x"), List.of("leaf-a", "y")));
        List<AgentCommand.Start> starts = life(Adapt.OFF).then(starting).last.commands()
                .stream()
                .map(c -> (AgentCommand.Start) c.command())
                .toList();
        assertThat(starts).extracting(AgentCommand.Start::nodeRank).containsExactly(1, 0);
        assertThat(starts).extracting(AgentCommand.Start::masterAddress)
                .as("where rank 0 is")
                .containsOnly("host-1");
    }

    @Test
    void testsBeforeAnAttemptAreAskedForByTheRunSpec() {
        Map<String, String> none = training(Adapt.OFF).attempt().launch().environment();
        assertThat(none).doesNotContainKey("LONGHAUL_PREFLIGHT_SECONDS");
        RunSpec spec = RunSpecReader.read(
                Runs.SPEC.replace("policies: {", "policies: { preflight: burn-in,"));
        Decision decision = new RunDecider(Runs.LAUNCHES).decide(Runs.created(spec),
                new RunInput.PlanReady(Runs.PLAN), LATER, EPOCH);
        assertThat(decision.state().attempt(1).launch().environment()).containsAllEntriesOf(none)
                .containsEntry("LONGHAUL_PREFLIGHT_SECONDS", "300");
    }
}

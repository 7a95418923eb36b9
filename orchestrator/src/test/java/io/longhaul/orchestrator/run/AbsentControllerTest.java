package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.adapt.AdaptOutcome;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.adapt.AdaptRequest;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.WorkloadObservation;
import io.longhaul.orchestrator.plan.LaunchContext;
import io.longhaul.orchestrator.plan.PlanPort;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.planner.layout.ParallelLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A controller died right after it had decided to end an attempt; the next one comes when the deadline is past. */
final class AbsentControllerTest {
    private static final Instant BEGIN = Instant.parse("2026-11-01T00:00:00Z");
    private static final Instant BACK = BEGIN.plusSeconds(600);

    private final InMemoryRunStore store = new InMemoryRunStore();
    private final World world = new World();
    private final UUID run = new UUID(0, 1);
    private final AttemptKey attempt = new AttemptKey(run, 1);

    @BeforeEach
    void aRankExitsAndTheControllerDies() throws Exception {
        RunEngine dies = engine(BEGIN);
        dies.create(RunSpecReader.read(Files.readString(Path.of("../examples/demo.yaml"))), run,
                Optional.empty(),
                BEGIN);
        dies.step(run, BEGIN);
        tell(new AgentRecord.Registered(1, BEGIN, "host", 42, 4242));
        dies.step(run, BEGIN);
        tell(new AgentRecord.RankExited(2, BEGIN, 0, OptionalInt.of(1), OptionalInt.empty()));
        dies.step(run, BEGIN);
        assertThat(dies.run(run).orElseThrow().state().attempt(1).stage()).isEqualTo(Attempt.Stage.ENDING);
    }

    @Test
    void agentsMaySayWhatTheyKeptBeforeTheyAreFenced() {
        RunEngine next = engine(BACK);
        next.step(run, BACK);
        assertThat(world.fenced).isEmpty();
        tell(new AgentRecord.AllExited(3, BEGIN, "failed", OptionalLong.empty()));
        next.step(run, BACK);
        assertThat(world.fenced).contains(attempt);
    }

    @Test
    void silentOnesAreFencedInTheEnd() {
        RunEngine next = engine(BACK);
        next.step(run, BACK.plus(RunDecider.STOP_GRACE).minus(Duration.ofMillis(1)));
        assertThat(world.fenced).isEmpty();
        next.step(run, BACK.plus(RunDecider.STOP_GRACE));
        assertThat(world.fenced).contains(attempt);
    }

    private RunEngine engine(Instant listeningSince) {
        return new RunEngine(store, kind -> world, world, world,
                (state, recipe, resume, skipped) -> World.RANK,
                Runs.takeOver(store), listeningSince);
    }

    private void tell(AgentRecord said) {
        assertThat(store.receive(attempt, 0, List.of(), List.of(said), said.at()))
                .isInstanceOf(RunStore.Answer.Accepted.class);
    }

    private static final class World implements WorkloadBackend, PlanPort, AdaptPort {
        private static final RankProcess RANK = new RankProcess(List.of("train"), Map.of());
        private final List<AttemptKey> fenced = new ArrayList<>();

        @Override
        public void create(AttemptLaunch launch) {}

        @Override
        public List<WorkloadObservation> observe() {
            return List.of();
        }

        @Override
        public void fence(AttemptKey key) {
            fenced.add(key);
        }

        @Override
        public void delete(AttemptKey key) {}

        @Override
        public PlannedRun plan(RunSpec spec) {
            return new PlannedRun(ParallelLayout.of(1, 1, 1, 2, 8, 1), 1, 2, 0.1, 20480, "{}");
        }

        @Override
        public RankProcess rankProcess(RunSpec spec, PlannedRun plan, LaunchContext context) {
            return RANK;
        }

        @Override
        public AdaptOutcome adapt(AdaptRequest request) {
            return new AdaptOutcome(Optional.empty(), "no advice");
        }

        @Override
        public RecipeChange score(UUID id, RecipeChange change, long totalSteps, List<CurvePoint> curve) {
            throw new IllegalStateException("nothing was changed");
        }
    }
}

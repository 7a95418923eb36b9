package io.longhaul.planner.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.longhaul.planner.Shapes;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.legal.Version;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.schedule.StepReplay;
import io.longhaul.planner.search.PlanRequest.Fixed;
import io.longhaul.planner.search.PlanResult.Rejection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PlannerTest {
    private static final Legality MEGATRON = Legality.of(Trainer.MEGATRON_LM);

    private static PlanRequest plain(ModelShape model, Machine machine, int batch) {
        return new PlanRequest(model, machine, batch, MEGATRON).withChoices(Choices.PLAIN);
    }

    /** One constraint broken at a time on 16 GPUs, the rest legal. */
    @ParameterizedTest(name = "{5}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            tensor, pipeline, context, data, sequence, rule
                16,        1,       1,    1,     1000, tensor-node
                 1,       16,       1,    1,     1000, stage-layers
                 8,        1,       1,    2,     1000, heads-tp
                 1,        4,       1,    4,     1000, layers-pp
                 1,        1,       4,    4,     1004, cp-seq
                 2,        1,       1,    8,      999, sp-seq
                 1,        1,       1,   16,     1000, batch-data
                 1,        2,       1,    8,     1000, sharded-pipeline
            """)
    void namesTheRuleThatIsBroken(
            int tensor, int pipeline, int context, int data, int sequence, String rule) {
        Choices choices = new Choices(
                false, List.of(ContextKind.RING), List.of(), 1, false, false, false, 3, false, false, false,
                false, false, List.of(Precision.BF16), List.of(OptimizerKind.ADAM));
        PlanResult result = Planner.plan(
                new PlanRequest(
                        new ModelShape(10, 12 * 64, 1024, 12, 2, 32000, sequence, false, true, 0, 0, 0),
                        Shapes.cluster("A100-SXM-80GB", 2), 24, MEGATRON)
                        .withFixed(new Fixed(tensor, pipeline, data, context))
                        .withChoices(choices));
        assertThat(result.rejected()).extracting(Rejection::rule).contains(rule);
    }

    /** What a version cannot run is named, planned with if somebody asks, and no slower then. */
    @Test
    void namesWhatTheVersionCannotRunAndPlansWithItIfAsked() {
        PlanRequest old = new PlanRequest(
                Shapes.llama(32, 4096, 11008, 32, 32, 32000, 4096), Shapes.cluster("A100-SXM-80GB", 4), 256,
                Legality.of(Trainer.MEGATRON_LM, Version.of("core_v0.12.3")));
        PlanResult runs = Planner.plan(old);
        assertThat(runs.masked()).extracting(Rejection::rule).contains("zero-bubble", "vocabulary-parallel");
        assertThat(Planner.broken(old, runs.best().orElseThrow().layout())).isEmpty();
        PlanResult whatIf = Planner.plan(old.whatIf());
        assertThat(whatIf.masked()).isEmpty();
        assertThat(whatIf.certificate().bound()).isLessThan(runs.certificate().bound());
        assertThat(whatIf.considered()).isEqualTo(runs.considered());
        assertThat(Planner.broken(old, whatIf.best().orElseThrow().layout()))
                .isNotEmpty()
                .allMatch(b -> b.kind() == Rule.Kind.ABILITY);
    }

    /** V-Min's closed form is too good by some per cent, so that plans with it are told by their replay. */
    @Test
    void plansAreTimedByPlayingTheirScheduleThrough() {
        ParallelLayout c = ParallelLayout.of(1, 1, 8, 4, 1, 64).withSchedule(Schedule.V_MIN, 2);
        PlanRequest request = new PlanRequest(
                Shapes.llama(32, 4096, 11008, 32, 32, 32000, 4096), Shapes.cluster("A100-SXM-80GB", 4), 256,
                MEGATRON).whatIf();
        CostModel model = new CostModel(request.model(), request.machine());
        StepReplay replay = StepReplay.of(model, 32, c).orElseThrow();
        Plan plan = Planner.price(request, c);
        assertThat(replay.seconds()).isGreaterThan(1.02 * model.price(c).total());
        assertThat(plan.stepSeconds()).isCloseTo(replay.seconds(), within(1e-12));
        assertThat(plan.breakdown().values().stream().mapToDouble(d -> d).sum())
                .isCloseTo(plan.stepSeconds(), within(1e-12));
        PlanResult result = Planner.plan(request);
        assertThat(result.certificate().replays()).isPositive();
        assertThat(result.best().orElseThrow().stepSeconds())
                .isCloseTo(result.certificate().bound(), withinPercentage(1e-9));
    }

    /** Over all that a layout can name, what is chosen keeps to the rules of every trainer. */
    @ParameterizedTest
    @EnumSource(names = {"MEGATRON_LM", "DEEPSPEED"})
    void plansWhatTheTrainerRuns(Trainer trainer) {
        for (Version version : trainer.versions()) {
            PlanRequest request = new PlanRequest(
                    Shapes.llama(32, 4096, 11008, 32, 32, 32000, 4096), Shapes.cluster("A100-SXM-80GB", 4),
                    256,
                    Legality.of(trainer, version));
            PlanResult result = Planner.plan(request);
            assertThat(result.certificate().proven()).isTrue();
            assertThat(Planner.broken(request, result.best().orElseThrow().layout())).isEmpty();
            assertThat(result.runnersUp()).hasSize(6)
                    .allSatisfy(
                            other -> assertThat(Planner.broken(request, other.plan().layout())).isEmpty());
        }
    }

    @Test
    void keepsToTheLayoutThatWasAskedFor() {
        PlanRequest request = plain(Shapes.gpt3(), Shapes.cluster("H100-SXM-80GB", 128), 1536)
                .withFixed(new Fixed(8, 16, 8, 1));
        PlanResult result = Planner.plan(request);
        ParallelLayout best = result.best().orElseThrow().layout();
        assertThat(List.of(best.tensor(), best.pipeline(), best.data(), best.context()))
                .containsExactly(8, 16, 8, 1);
        assertThat(result.reason()).contains("no other degrees are legal and fit");
    }

    @Test
    void choosesWhatIsNotFixed() {
        Machine.Cluster cluster = Shapes.cluster("A100-SXM-80GB", 4);
        PlanRequest free = plain(Shapes.gpt(24, 4096, 32, 51200, 2048), cluster, 64);
        Fixed tensor4 = new Fixed(OptionalInt.of(4), OptionalInt.empty(), OptionalInt.empty(),
                OptionalInt.empty());
        Plan best = plan(free, tensor4).orElseThrow();
        List<Plan> whole = new ArrayList<>();
        for (int pipeline = 1; pipeline <= 8; pipeline *= 2) {
            for (int context = 1; context * pipeline <= 8; context *= 2) {
                plan(free, new Fixed(4, pipeline, 8 / pipeline / context, context)).ifPresent(whole::add);
            }
        }
        assertThat(whole).hasSizeGreaterThan(3);
        assertThat(best.stepSeconds())
                .isEqualTo(whole.stream().mapToDouble(Plan::stepSeconds).min().orElseThrow());
        assertThat(best.layout().tensor()).isEqualTo(4)
                .isNotEqualTo(
                        Planner.plan(free).best().orElseThrow().layout().tensor());
    }

    private static Optional<Plan> plan(PlanRequest r, Fixed fixed) {
        return Planner.plan(r.withFixed(fixed)).best();
    }

    /** Communication makes more nodes dearer, memory makes too few impossible. */
    @Test
    void theCheapestPlanUsesAsFewNodesAsItCanAfford() {
        Machine.Cluster cluster = Shapes.cluster("A100-SXM-80GB", 12);
        PlanRequest request = plain(Shapes.gpt(48, 8192, 64, 51200, 2048), cluster, 96);
        PlanResult cheapest = Planner.plan(
                request.withGoal(Goal.TIME.withObjective(new Objective.Cost(2)).withParts(true)));
        double cost = cheapest.best().orElseThrow().stepSeconds() * cheapest.machine().ranks();
        for (int nodes = 1; nodes <= 12; nodes++) {
            int ranks = 8 * nodes;
            Planner.plan(request.on(cluster.withNodes(nodes), 96))
                    .best()
                    .ifPresent(plan -> assertThat(plan.stepSeconds() * ranks).isGreaterThanOrEqualTo(cost));
        }
        assertThat(cheapest.machine().nodes()).isBetween(2, 6);
        assertThat(cheapest.reason()).contains("with " + cheapest.machine().ranks() + " of 96 ranks");
    }

    @Test
    void saysHowMuchMemoryIsMissing() {
        PlanResult result = Planner.plan(plain(Shapes.gpt3(), Shapes.cluster("A100-SXM-40GB", 1), 8));
        assertThat(result.best()).isEmpty();
        assertThat(result.reason()).startsWith("nothing fits: the most frugal plan, tp")
                .endsWith("of 40.0 GB per rank");
    }

    @Test
    void namesEveryRuleWhenNothingIsLegal() {
        PlanResult result = Planner.plan(
                plain(Shapes.gpt(7, 7 * 64, 7, 256, 127), Shapes.cluster("A100-SXM-40GB", 1), 5));
        assertThat(result.best()).isEmpty();
        assertThat(result.reason()).startsWith("no layout is legal: ")
                .contains("global batch 5 not divisible by data ")
                .contains("attention heads 7 not divisible by tensor 2");
    }
}

package io.longhaul.planner.legal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.model.ModelShape;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class LegalityTest {
    private static final ModelShape DENSE = new ModelShape(
            40, 5120, 20480, 40, 8, 51200, 4096, true, false, 0, 0, 0);
    private static final ModelShape EXPERTS = new ModelShape(
            32, 4096, 14336, 32, 8, 32000, 4096, true, false, 8, 2, 14336);
    private static final Legality MEGATRON = Legality.of(Trainer.MEGATRON_LM);
    private static final Legality DEEPSPEED = Legality.of(Trainer.DEEPSPEED);

    private static Facts facts(ModelShape model, String device, int nodes, int batch, ParallelLayout layout) {
        Accelerator accelerator = Accelerator.named(device).orElseThrow();
        return Facts.of(model, new Machine.Cluster(accelerator, nodes, 8, 450e9, 50e9), batch).layout(layout);
    }

    private static Facts facts(ParallelLayout layout) {
        return facts(DENSE, "H100-SXM-80GB", 8, 256, layout);
    }

    /** tensor, context, pipeline and data on 64 ranks, micro-batches of one sample. */
    private static ParallelLayout of(int tensor, int context, int pipeline, int data) {
        return ParallelLayout.of(tensor, context, pipeline, data, 1, 256 / data);
    }

    static Stream<Arguments> illegal() {
        ParallelLayout plain = of(8, 1, 4, 2);
        LayerSplit ends = new LayerSplit(List.of(9, 11, 11, 9));
        return Stream.of(
                Arguments.of(MEGATRON, "degrees", of(8, 1, 4, 4)),
                Arguments.of(MEGATRON, "vpp-microbatch-rest",
                        ParallelLayout.of(8, 1, 4, 2, 1, 127).withSchedule(Schedule.INTERLEAVED, 2)),
                Arguments.of(MEGATRON, "chunks", plain.withSchedule(Schedule.INTERLEAVED, 1)),
                Arguments.of(MEGATRON, "vpp-layers-even", plain.withSchedule(Schedule.INTERLEAVED, 3)),
                Arguments.of(MEGATRON, "zero-bubble", plain.withSchedule(Schedule.ZB_V, 2)),
                Arguments.of(MEGATRON, "split-layers",
                        plain.withSplit(Optional.of(new LayerSplit(List.of(10, 10, 10, 9))))),
                Arguments.of(MEGATRON, "cp-heads", of(8, 2, 2, 2).withContextKind(ContextKind.ALL_TO_ALL)),
                Arguments.of(MEGATRON, "offload-fine",
                        plain.withOffload(new Offload(1, 0)).withRecompute(Recompute.FULL)),
                Arguments.of(MEGATRON, "opt-offload", plain.withOffload(new Offload(0, 1))),
                Arguments.of(MEGATRON, "muon",
                        plain.withOptimizer(OptimizerKind.MUON).withSharding(Sharding.stage(3))),
                Arguments.of(MEGATRON, "fp4-device", plain.withPrecision(Precision.NVFP4)),
                Arguments.of(MEGATRON, "recompute-chunks",
                        plain.withSchedule(Schedule.INTERLEAVED, 2).withRecompute(Recompute.full(3))),
                Arguments.of(MEGATRON, "low-rank-optimizer", plain.withOptimizer(OptimizerKind.LOW_RANK)),
                Arguments.of(Legality.of(Trainer.MEGATRON_LM, Version.of("core_v0.8.0")), "uneven-ends",
                        plain.withSplit(Optional.of(ends))),
                Arguments.of(Legality.of(Trainer.MEGATRON_LM, Version.of("core_v0.16.1")), "lion-optimizer",
                        plain.withOptimizer(OptimizerKind.LION)),
                Arguments.of(DEEPSPEED, "pp-zero", plain.withSharding(Sharding.stage(2))),
                Arguments.of(DEEPSPEED, "ulysses", of(8, 4, 1, 2).withContextKind(ContextKind.ALL_TO_ALL)),
                Arguments.of(DEEPSPEED, "cp-kind", of(1, 4, 1, 16)),
                Arguments.of(DEEPSPEED, "interleaving", plain.withSchedule(Schedule.INTERLEAVED, 2)),
                Arguments.of(DEEPSPEED, "offload-param",
                        of(8, 1, 1, 8).withSharding(Sharding.stage(2)).withOffload(new Offload(0, 0.5))),
                Arguments.of(Legality.of(Trainer.REFERENCE), "tensor",
                        of(4, 1, 2, 8).withSequenceParallel(false)));
    }

    @ParameterizedTest(name = "{1} in {2}")
    @MethodSource
    void illegal(Legality legality, String rule, ParallelLayout layout) {
        Facts facts = facts(DENSE, "H100-SXM-80GB", 8, layout.globalBatch(), layout);
        assertThat(legality.broken(facts)).extracting(Broken::rule).contains(rule);
        assertThat(legality.firstBroken(facts)).isNotNull();
    }

    static Stream<Arguments> legal() {
        ParallelLayout plain = of(8, 1, 4, 2);
        return Stream.of(
                Arguments.of(MEGATRON, plain),
                Arguments.of(MEGATRON, plain.withSchedule(Schedule.INTERLEAVED, 5)),
                Arguments.of(MEGATRON,
                        plain.withSharding(Sharding.OPTIMIZER).withOffload(new Offload(0, 0.5))),
                Arguments.of(MEGATRON, of(4, 2, 4, 2).withContextKind(ContextKind.ALL_TO_ALL)),
                Arguments.of(MEGATRON, of(2, 8, 2, 2).withContextKind(ContextKind.HIERARCHICAL)),
                Arguments.of(MEGATRON, plain.withPrecision(Precision.FP8).withRecompute(Recompute.full(3))),
                Arguments.of(Legality.of(Trainer.MEGATRON_LM, Version.of("0.9.0")),
                        plain.withSplit(Optional.of(new LayerSplit(List.of(9, 11, 11, 9))))),
                Arguments.of(DEEPSPEED,
                        of(8, 1, 4, 2).withSchedule(Schedule.ZB_H1, 1).withSequenceParallel(false)),
                Arguments.of(DEEPSPEED,
                        of(1, 8, 1, 8).withContextKind(ContextKind.ALL_TO_ALL)
                                .withSharding(Sharding.stage(3))
                                .withOffload(new Offload(0, 0.5))),
                Arguments.of(Legality.of(Trainer.REFERENCE), of(2, 1, 2, 16).withSequenceParallel(false)));
    }

    @ParameterizedTest
    @MethodSource
    void legal(Legality legality, ParallelLayout layout) {
        assertThat(legality.broken(facts(layout))).isEmpty();
        assertThat(legality.firstBroken(facts(layout))).isNull();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
            "16, 1, 1, 8; attention heads 40 not divisible by tensor 16: use tensor 8",
            "1, 1, 16, 8; layers 40 not divisible by pipeline 16, and no split says how many each stage has: "
                    + "use pipeline 8",
            "8, 1, 1, 16; global batch 100 not divisible by data 16: use global batch 96 or 112"})
    void saysWhatIsWrongAndWhatIsNear(String degrees, String message) {
        List<Integer> d = Stream.of(degrees.split(", ")).map(Integer::valueOf).toList();
        Facts facts = facts(DENSE, "H100-SXM-80GB", 16, 100,
                ParallelLayout.of(d.get(0), d.get(1), d.get(2), d.get(3), 1, 1)).copy();
        assertThat(MEGATRON.lift(Set.of("tensor-node")).broken(facts)).extracting(Broken::toString)
                .contains(message);
    }

    @Test
    void rampUpsAreCheckedBeforeTheyBecomeActive() {
        Legality old = Legality.of(Trainer.MEGATRON_LM, Version.of("core_v0.17.1"));
        Facts facts = facts(of(8, 1, 4, 2));
        assertThat(old.broken(facts.rampUp(32, 8))).isEmpty();
        Broken late = old.broken(facts.rampUp(32, 7)).getFirst();
        assertThat(late.rule()).isEqualTo("batch-rampup-old");
        assertThat(late.late()).isTrue();
        assertThat(MEGATRON.firstBroken(facts.rampUp(32, 8)).id()).isEqualTo("batch-rampup-ignored");
        facts.rampUp(0, 0).scheduledBatches(List.of(64, 128, 256));
        assertThat(MEGATRON.broken(facts)).isEmpty();
        facts.scheduledBatches(List.of(64, 129, 256));
        assertThat(MEGATRON.broken(facts)).extracting(Broken::rule).containsExactly("batch-step-late-check");
    }

    @Test
    void abilitiesCanBeLiftedAndConstraintsCannot() {
        Facts facts = facts(of(8, 1, 4, 2).withSchedule(Schedule.ZB_H1, 1));
        assertThat(MEGATRON.broken(facts)).singleElement().satisfies(b -> {
            assertThat(b.kind()).isEqualTo(Rule.Kind.ABILITY);
            assertThat(b.toString()).contains("zb-h1").contains("fork");
        });
        Legality whatIf = MEGATRON.lift(Set.of("zero-bubble"));
        assertThat(whatIf.broken(facts)).isEmpty();
        assertThat(whatIf.masks()).extracting(Rule::id).contains("zero-bubble");
        assertThatThrownBy(() -> MEGATRON.lift(Set.of("heads-tp")))
                .hasMessageContaining("heads-tp cannot be lifted")
                .hasMessageContaining("zero-bubble");
    }

    @Test
    void newerVersionsCanDoMore() {
        Set<String> before = null;
        for (Version version : Trainer.MEGATRON_LM.versions()) {
            Set<String> masks = Legality.of(Trainer.MEGATRON_LM, version)
                    .masks()
                    .stream()
                    .map(Rule::id)
                    // The one thing that went away.
                    .filter(id -> !id.equals("batch-rampup-ignored"))
                    .collect(java.util.stream.Collectors.toSet());
            if (before != null) {
                assertThat(before).as("%s", version).containsAll(masks);
            }
            before = masks;
        }
    }

    /** A search that asks depth by depth finds what the explanation of the whole layout finds. */
    @Test
    void depthsAndExplanationsAgreeAndMendsMend() {
        Random random = new Random(5);
        EnumSet<Fact> mended = EnumSet.noneOf(Fact.class);
        for (int i = 0; i < 60; i++) {
            Facts facts = facts(random.nextBoolean() ? DENSE : EXPERTS, "B200-SXM-180GB",
                    1 + random.nextInt(16),
                    1 + random.nextInt(200), drawn(random));
            Legality legality = random.nextInt(4) == 0 ? DEEPSPEED : MEGATRON;
            List<Broken> broken = legality.broken(facts);
            Rule first = legality.firstBroken(facts);
            assertThat(broken.stream().map(Broken::rule).findFirst())
                    .isEqualTo(Optional.ofNullable(first).map(Rule::id));
            for (Broken b : broken) {
                for (Broken.Mend mend : b.mend()) {
                    mended.add(mend.fact());
                    assertThat(legality.broken(facts.copy().with(mend.fact(), mend.value())))
                            .as("%s after %s", b, mend)
                            .extracting(Broken::rule)
                            .doesNotContain(b.rule());
                }
            }
        }
        assertThat(mended).contains(Fact.TP, Fact.PP, Fact.CP, Fact.DP, Fact.EP, Fact.GBS, Fact.STAGE);
    }

    private static ParallelLayout drawn(Random random) {
        int[] sizes = {1, 2, 3, 4, 5, 8, 16};
        int tensor = sizes[random.nextInt(sizes.length)];
        ParallelLayout layout = ParallelLayout.of(tensor, sizes[random.nextInt(4)], sizes[random.nextInt(6)],
                sizes[random.nextInt(6)], 1 + random.nextInt(4), 1);
        Schedule schedule = Schedule.values()[random.nextInt(Schedule.values().length)];
        return layout.withSchedule(schedule, schedule == Schedule.ONE_F_ONE_B ? 1 : 1 + random.nextInt(3))
                .withExperts(sizes[random.nextInt(6)], random.nextBoolean() ? tensor : 1)
                .withSharding(Sharding.stage(random.nextInt(4)))
                .withRecompute(random.nextBoolean() ? Recompute.NONE : Recompute.full(1 + random.nextInt(4)))
                .withPrecision(Precision.values()[random.nextInt(Precision.values().length)])
                .withContextKind(ContextKind.values()[random.nextInt(3)])
                .withOptimizer(OptimizerKind.values()[random.nextInt(OptimizerKind.values().length)])
                .withOffload(new Offload(random.nextInt(2), random.nextInt(3) / 2.0));
    }

    @ParameterizedTest
    @CsvSource({"core_v0.9.0, 0.10.0, -1", "core_v0.17.1, core_r0.17.0, 1", "main, core_v0.19.0, 1",
            "0.19, 0.19.0, 0"})
    void versionsAreOrderedByTheirNumbers(String a, String b, int order) {
        assertThat(Integer.signum(Version.of(a).compareTo(Version.of(b)))).isEqualTo(order);
        assertThat(Version.of(a).equals(Version.of(b))).isEqualTo(order == 0);
    }

    @Test
    void aVersionIsNumbers() {
        assertThatThrownBy(() -> Version.of("latest")).hasMessageContaining("core_v0.17.1");
    }
}

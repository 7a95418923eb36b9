package io.longhaul.orchestrator.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.orchestrator.plan.ConstantsFile;
import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Sharding;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs of a made-up cluster that is slower than its data sheet, learned from by {@code longhaul calibrate}. */
class CalibrateTest {
    private static final String SPEC = """
            name: gpt
            model: { layers: 40, hiddenSize: 5120, attentionHeads: 40, vocabSize: 51200, sequenceLength: 2048 }
            training: { tokens: 2097152000, globalBatch: 128, learningRate: 1e-4, warmupSteps: 100 }
            cluster: { kind: described, nodes: 8, accelerator: A100-SXM-80GB }
            framework: megatron-lm
            """;
    private static final RunSpec READ = RunSpecReader.read(SPEC);
    private static final Machine.Cluster CLUSTER = PlanService
            .cluster((RunSpec.Cluster.Described) READ.cluster());
    private static final Constants SHIPPED = ShippedConstants.on(CLUSTER, Software.MEGATRON_CORE);

    @TempDir
    private Path directory;

    private static ParallelLayout layout(int tensor, int pipeline, int microBatch) {
        int data = 64 / tensor / pipeline;
        return ParallelLayout.of(tensor, 1, pipeline, data, microBatch, 128 / data / microBatch)
                .withSharding(Sharding.OPTIMIZER);
    }

    private static double seconds(ParallelLayout layout, Constants constants) {
        return new CostModel(READ.model().shape(), CLUSTER, constants, Software.MEGATRON_CORE).price(layout)
                .total();
    }

    private Path log(String name, ParallelLayout c, double seconds) throws IOException {
        String arguments = String.format(Locale.ROOT, """
                  tensor_model_parallel_size ...... %d
                  pipeline_model_parallel_size .... %d
                  micro_batch_size ................ %d
                  global_batch_size ............... 128
                  sequence_parallel ............... True
                  use_distributed_optimizer ....... True
                  world_size ...................... 64
                """, c.tensor(), c.pipeline(), c.microBatch());
        String step = String.format(Locale.ROOT, "iteration 1/ 9 | elapsed time per iteration (ms): %.1f |%n",
                1000 * seconds);
        return Files.writeString(directory.resolve(name), arguments + step.repeat(4));
    }

    private String longhaul(int code, String... arguments) {
        PrintStream usual = System.out;
        PrintStream usualErrors = System.err;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (PrintStream both = new PrintStream(out, true, StandardCharsets.UTF_8)) {
            System.setOut(both);
            System.setErr(both);
            assertThat(LonghaulCli.execute(arguments)).isEqualTo(code);
        } finally {
            System.setOut(usual);
            System.setErr(usualErrors);
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void whatLogsTaughtIsWhatTheNextPlanReckonsWith() throws IOException {
        Constants truth = SHIPPED.moved(Constant.MATMUL_RATE, -0.15).moved(Constant.FAST_LINK_RATE, -0.3);
        Path spec = Files.writeString(directory.resolve("spec.yaml"), SPEC);
        List<String> arguments = new ArrayList<>(List.of("calibrate", spec.toString()));
        List<ParallelLayout> tried = List.of(layout(8, 1, 2), layout(4, 2, 2), layout(2, 4, 1));
        for (ParallelLayout c : tried) {
            arguments.add(log(c + ".log", c, seconds(c, truth)).toString());
        }
        Path out = directory.resolve("constants.csv");
        Collections.addAll(arguments, "--out", out.toString());
        String text = longhaul(0, arguments.toArray(String[]::new));
        assertThat(text).contains("MATMUL_RATE", "FAST_LINK_RATE", "standard deviations",
                "written to " + out, tried.getFirst().toString());

        Constants learned = ConstantsFile.read(Files.readString(out));
        ParallelLayout unseen = layout(4, 4, 1);
        double real = seconds(unseen, truth);
        assertThat(Math.abs(Math.log(seconds(unseen, SHIPPED) / real))).isGreaterThan(0.1);
        assertThat(seconds(unseen, learned)).isCloseTo(real, within(0.03 * real));

        String plan = longhaul(0, "plan", spec.toString(), "--constants", out.toString());
        assertThat(plan).contains("constants calibrated with attempts on this cluster");
        assertThat(plan).isNotEqualTo(longhaul(0, "plan", spec.toString()));
    }

    @Test
    void whatIsMissingOrTooMuchIsNamed() throws IOException {
        Path spec = Files.writeString(directory.resolve("spec.yaml"), SPEC);
        Path bare = Files.writeString(directory.resolve("bare.log"),
                "elapsed time per iteration (ms): 1000.0\n".repeat(3));
        Path empty = Files.writeString(directory.resolve("empty.log"), "");
        Path out = directory.resolve("c.csv");
        assertThat(longhaul(2, "calibrate", spec.toString(), bare.toString()))
                .contains("name it with --layout");
        assertThat(longhaul(2, "calibrate", spec.toString(), empty.toString())).contains("0 step times");
        assertThat(longhaul(2, "calibrate", spec.toString(), bare.toString(), "--layout", "tp5"))
                .contains("must divide the ranks (64)");
        assertThat(longhaul(2, "calibrate", spec.toString(), bare.toString(), "--layout", "tp8", "--layout",
                "tp4", "--out", out.toString())).contains("one too many");
        assertThat(longhaul(2, "calibrate", "../examples/demo.yaml", bare.toString()))
                .contains("/cluster/kind is this-machine");
        assertThat(longhaul(2, "calibrate", spec.toString(), directory.resolve("no.log").toString()))
                .contains("cannot read");
        Files.writeString(out, "MATMUL_RATE,0\nFAST,1\n");
        assertThat(longhaul(2, "plan", spec.toString(), "--constants", out.toString()))
                .contains("line 1 is MATMUL_RATE,0: allowed", "line 2 is FAST,1");
        Files.writeString(out, "MATMUL_RATE,0.8\n");
        assertThat(longhaul(2, "plan", spec.toString(), "--constants", out.toString()))
                .contains("there is no [MATMUL_TRAFFIC,");
    }

    @Test
    void constantsThatAreWrittenAreReadAlike() {
        Constants read = ConstantsFile.read(ConstantsFile.text(SHIPPED, "of nothing"));
        for (Constant constant : Constant.values()) {
            assertThat(read.of(constant)).isCloseTo(SHIPPED.of(constant),
                    within(1e-5 * SHIPPED.of(constant)));
        }
    }
}

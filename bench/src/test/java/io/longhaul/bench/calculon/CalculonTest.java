package io.longhaul.bench.calculon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.bench.calculon.CalculonModel.Cost;
import io.longhaul.bench.calculon.Execution.Exchange;
import io.longhaul.bench.calculon.Execution.Overlap;
import io.longhaul.bench.calculon.Execution.Recompute;
import io.longhaul.planner.search.BranchAndBound.Result;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CalculonTest {
    private static final Map<String, Application> APPLICATIONS = Map.of(
            "gpt3-175B", Application.GPT3_175B, "megatron-1T", Application.MEGATRON_1T, "turing-530B",
            Application.TURING_530B);
    private static final Map<String, Recompute> RECOMPUTE = Map.of(
            "full", Recompute.FULL, "attn_only", Recompute.ATTENTION, "none", Recompute.NONE);
    private static final Map<String, Exchange> EXCHANGE = Map.of(
            "ar", Exchange.ALL_REDUCE, "p2p_rs_ag", Exchange.SCATTERED_TRANSFER, "rs_ag",
            Exchange.SCATTER_GATHER);

    /**
     * Executions drawn at random, priced by calculon-ai/calculon at caa4b11f with its a100_80g.json and no second
     * memory: total_time and proc_mem_tier1_cap_req.
     */
    @Test
    void pricesExecutionsAsCalculonDoes() throws IOException {
        List<String> rows;
        try (InputStream in = CalculonTest.class.getResourceAsStream("executions.csv")) {
            rows = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8).lines()
                    .skip(1)
                    .toList();
        }
        assertThat(rows).hasSize(600).allSatisfy(row -> {
            String[] f = row.split(",");
            Cost cost = new CalculonModel(Device.A100, Objects.requireNonNull(APPLICATIONS.get(f[0])))
                    .price(execution(f));
            double seconds = Double.parseDouble(f[17]);
            double bytes = Double.parseDouble(f[18]);
            assertThat(cost.seconds()).isCloseTo(seconds, within(1e-12 * seconds));
            assertThat(cost.bytes()).isCloseTo(bytes, within(1e-12 * bytes));
        });
    }

    private static Execution execution(String[] f) {
        int[] n = Arrays.stream(f, 2, 10).mapToInt(Integer::parseInt).toArray();
        return new Execution(
                n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7],
                Objects.requireNonNull(RECOMPUTE.get(f[10])), Integer.parseInt(f[11]),
                Boolean.parseBoolean(f[12]), Objects.requireNonNull(EXCHANGE.get(f[13])),
                Overlap.valueOf(f[14].toUpperCase(Locale.ROOT)), Boolean.parseBoolean(f[15]),
                Boolean.parseBoolean(f[16]));
    }

    /**
     * The winners that Calculon's own exhaustive search finds ({@code llm-optimal-execution -m}, no second memory), in
     * 1,631, 513 and 231 CPU seconds.
     */
    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            model,       devices, batch, nominal, feasible, tensor, pipeline, data, microBatch, chunks, recompute, seconds
            gpt3-175B,      1024,  1536, 1693208,   128199,      8,        4,   32,          2,      8, NONE,      14.21
            megatron-1T,    3072,  3072, 1013496,    13188,      8,       16,   24,          2,      8, ATTENTION, 50.92
            turing-530B,    2520,  2520,  546920,     9938,      8,        5,   63,          2,     21, ATTENTION, 27.06
            """)
    void findsWhatCalculonFinds(
            String model, int devices, int batch, long nominal, long feasible, int tensor, int pipeline,
            int data, int microBatch, int chunks, Recompute recompute, double seconds) {
        CalculonSpace space = new CalculonSpace(
                Objects.requireNonNull(APPLICATIONS.get(model)), devices, batch);
        Result<Execution> found = CalculonSearch.best(space);
        Execution best = found.best().orElseThrow();

        assertThat(best.tensor()).isEqualTo(tensor);
        assertThat(best.pipeline()).isEqualTo(pipeline);
        assertThat(best.data()).isEqualTo(data);
        assertThat(best.microBatch()).isEqualTo(microBatch);
        assertThat(best.chunks()).isEqualTo(chunks);
        assertThat(best.recompute()).isEqualTo(recompute);
        assertThat(found.cost() * best.batch()).isCloseTo(seconds, within(0.005));
        assertThat(found.bound()).isGreaterThan(found.cost());
        assertThat(found.nominal()).isEqualTo(nominal);
        assertThat(found.priced() + found.pruned()).isEqualTo(nominal);
        assertThat(found.priced()).isLessThan(nominal / 20);

        Everything everything = new Everything(space);
        assertThat(everything.feasible).isEqualTo(feasible);
        assertThat(everything.least).isEqualTo(found.cost());
    }

    private static final class Everything {
        private long feasible;
        private double least = Double.POSITIVE_INFINITY;

        Everything(CalculonSpace space) {
            CalculonModel calculon = new CalculonModel(Device.A100, space.app());
            for (CalculonSpace.Structure structure : space.structures()) {
                space.executions(structure, run -> {
                    Cost cost = calculon.fitsNetworks(run) ? calculon.price(run) : null;
                    if (cost != null && cost.bytes() <= Device.A100.memoryBytes()) {
                        feasible++;
                        least = Math.min(least, cost.seconds() / run.batch());
                    }
                });
            }
        }
    }
}

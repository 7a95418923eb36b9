package io.longhaul.monitor.node;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.node.Preflight.Result;
import io.longhaul.monitor.node.Preflight.Settings;
import io.longhaul.monitor.node.Preflight.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreflightTest {
    private static final int PER_NODE = 4;

    private static Result rank(int rank, double flops, double bytes, String wrong, String problem) {
        return new Result(rank / PER_NODE, rank,
                Map.of("matmulFlops", flops, "memoryBytesPerSecond", bytes, "allReduceSeconds", 0.1 * rank),
                wrong,
                problem);
    }

    private static List<Result> fleet(SplittableRandom random, int ranks, double noise) {
        List<Result> results = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            results.add(rank(rank, 6e14 * (1 + noise * random.nextGaussian()),
                    3e12 * (1 + noise * random.nextGaussian()), "", ""));
        }
        return results;
    }

    private static List<Verdict> judge(List<Result> results) {
        return Preflight.judge(results, Settings.usual());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.001, 0.01, 0.03, 0.1, 0.2})
    void accusesNobodyWhereRanksDifferByChance(double noise) {
        for (int seed = 0; seed < 200; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            assertThat(judge(fleet(random, 8 + random.nextInt(120), noise))).as("seed %d", seed).isEmpty();
        }
    }

    @Test
    void findsTheSlowNodeAndHowSlowItIs() {
        for (int seed = 0; seed < 200; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int ranks = PER_NODE * (4 + random.nextInt(20));
            List<Result> results = fleet(random, ranks, 0.02);
            int slow = random.nextInt(ranks);
            double times = 1.4 + random.nextDouble();
            results.set(slow, rank(slow, 6e14, 3e12 / times, "", ""));
            assertThat(judge(results)).as("seed %d", seed).singleElement().satisfies(verdict -> {
                assertThat(verdict.node()).isEqualTo(slow / PER_NODE);
                assertThat(verdict.label()).isEqualTo("hw.preflight_slow");
                assertThat(verdict.times()).isBetween(0.95 * times, 1.05 * times);
                assertThat(verdict.text()).contains("memoryBytesPerSecond", "rank " + slow);
            });
        }
    }

    @Test
    void whatIsWrongCountsAloneAndMoreThanWhatIsSlow() {
        assertThat(judge(List.of(rank(0, 6e14, 3e12, "3 products differ", "")))).singleElement()
                .satisfies(verdict -> assertThat(verdict.label()).isEqualTo("hw.preflight_wrong"));
        List<Result> results = fleet(new SplittableRandom(1), 16, 0.01);
        results.set(5, rank(5, 1e14, 3e12, "", ""));
        results.set(6, rank(6, 6e14, 3e12, "9 bytes", ""));
        assertThat(judge(results)).extracting(Verdict::label).containsExactly("hw.preflight_wrong");
    }

    @Test
    void testsThatEndNowhereSpeakAgainstNoNode() {
        List<Result> results = fleet(new SplittableRandom(1), 8, 0.01);
        Result failed = new Result(1, 4, Map.of(), "", "ended with 1: NCCL error");
        results.set(4, failed);
        assertThat(judge(results)).extracting(Verdict::label).containsExactly("hw.preflight_failed");
        results.replaceAll(one -> new Result(one.node(), one.rank(), Map.of(), "", failed.problem()));
        assertThat(judge(results)).isEmpty();
    }

    @Test
    void twoRanksCannotTellWhoIsSlow() {
        assertThat(judge(List.of(rank(0, 6e14, 3e12, "", ""), rank(1, 1e14, 1e12, "", "")))).isEmpty();
        assertThat(judge(List.of(rank(0, 6e14, 3e12, "", ""), rank(4, 5.9e14, 3e12, "", ""),
                rank(8, 4.5e14, 3e12, "", "")))).as("few need a larger difference").isEmpty();
        assertThat(judge(List.of())).isEmpty();
    }
}

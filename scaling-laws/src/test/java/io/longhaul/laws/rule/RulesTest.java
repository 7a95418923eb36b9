package io.longhaul.laws.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.rule.BatchChange.Optimizer;
import io.longhaul.laws.rule.BatchRamp.Critical;
import io.longhaul.laws.rule.Rule.Abstained;
import io.longhaul.laws.rule.Rule.Given;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RulesTest {
    /** 1e9 weights, 2e10 tokens in batches of 2^19 at 1e-3. */
    private static final RunScale RUN = new RunScale(1e9, 2e10, 524288, 1e-3, 0.1, 0.95);

    private static Given given(Rule rule) {
        assertThat(rule).isInstanceOf(Given.class);
        return (Given) rule;
    }

    private static String refusal(Rule rule) {
        assertThat(rule).isInstanceOf(Abstained.class);
        return ((Abstained) rule).why();
    }

    /** 1.79 x 1e9^-0.713 x 2e10^0.307 and 0.58 x 2e10^0.571, from the paper's abstract. */
    @Test
    void stepLawGivesPeakAndBatchWithinItsGridsOnly() {
        List<Rule> rules = WholeRun.of(RUN, 2048);
        assertThat(given(rules.get(0)).value()).isCloseTo(9.9e-4, within(1e-5));
        assertThat(given(rules.get(0)).high() / given(rules.get(0)).value()).isCloseTo(1.578, within(1e-3));
        assertThat(given(rules.get(1)).value()).isCloseTo(4.4e5, within(1e4));
        assertThat(given(rules.get(1)).megatron()).containsExactly("--global-batch-size", "216");
        assertThat(WholeRun.of(new RunScale(7e10, 2e12, 4e6, 1e-4, 0.1, 0.95), 4096))
                .allSatisfy(rule -> assertThat(refusal(rule)).contains("says nothing of 7.0e+10 weights"));
    }

    @ParameterizedTest(name = "{0} x {1}: rate {2} to {4}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            optimizer, ratio, low,       rate,      high,      unattended
            ADAMW,     1.2,   1e-3,      1e-3,      1e-3,      true
            ADAMW,     4,     1.3195e-3, 1.6245e-3, 2e-3,      false
            ADAMW,     0.25,  5e-4,      5e-4,      5e-4,      true
            SGD,       4,     4e-3,      4e-3,      4e-3,      false
            """)
    void theRateFollowsTheBatch(Optimizer optimizer, double ratio, double low, double rate, double high,
            boolean unattended) {
        Given given = given(
                BatchChange.of(RUN, optimizer, ratio * RUN.batchTokens(), Double.POSITIVE_INFINITY)
                        .getFirst());
        assertThat(given.low()).isCloseTo(low, within(1e-7));
        assertThat(given.value()).isCloseTo(rate, within(1e-7));
        assertThat(given.high()).isCloseTo(high, within(1e-7));
        assertThat(given.unattended()).isEqualTo(unattended);
    }

    /** B / (rate decay D) and the half-life of the second moment in tokens are the same before and after. */
    @Test
    void timeScalesStayWithAnotherBatch() {
        List<Rule> rules = BatchChange.of(RUN, Optimizer.ADAMW, 4 * RUN.batchTokens(), 1e9);
        double rate = given(rules.get(0)).value();
        double decay = given(rules.get(1)).value();
        double beta2 = given(rules.get(2)).value();
        assertThat(4 * RUN.batchTokens() / (rate * decay)).isCloseTo(RUN.batchTokens() / (1e-3 * 0.1),
                within(1e-3));
        assertThat(Math.log(0.5) / Math.log(beta2) * 4).isCloseTo(Math.log(0.5) / Math.log(0.95),
                within(1e-9));
        assertThat(given(rules.get(2)).unattended()).as("0.95^4 is below 0.9").isFalse();
    }

    @Test
    void aBatchAboveTheCriticalOneOrFarOffIsNotAdvised() {
        assertThat(refusal(BatchChange.of(RUN, Optimizer.ADAMW, 4 * RUN.batchTokens(), 1e6).getFirst()))
                .isEqualTo(
                        "a batch of 2.10e+06 tokens is above the critical one of 1.00e+06: there a higher rate no longer"
                                + " makes up for fewer steps");
        assertThat(refusal(BatchChange.of(RUN, Optimizer.ADAMW, 9 * RUN.batchTokens(), 1e9).getFirst()))
                .contains("changes 9.00 times");
    }

    /** At 20 tokens per weight the paper's time scale is 0.22 of the run. */
    @Test
    void weightDecayHoldsTheBestTimeScale() {
        assertThat(WeightDecay.timeScale(20)).isCloseTo(0.2236, within(1e-3));
        Given decay = given(WeightDecay.of(RUN));
        assertThat(524288 / (1e-3 * decay.value() * 2e10)).isCloseTo(WeightDecay.timeScale(20), within(1e-9));
        assertThat(refusal(WeightDecay.of(new RunScale(7e10, 2e12, 4e6, 1e-4, 0.1, 0.95))))
                .isEqualTo("fitted to 1.11e+08 to 3.30e+09 weights, the run has 7.00e+10");
    }

    @Test
    void widthMovesTheRateOfHiddenMatricesOnly() {
        Given given = given(WidthTransfer.of(256, 4096, 8e-3));
        assertThat(given.value()).isEqualTo(5e-4);
        assertThat(given.megatron()).containsExactly("--lr", "0.0005", "--decoupled-lr", "0.008");
        assertThat(refusal(WidthTransfer.of(64, 4096, 8e-3))).contains("this is 64 to 4096");
        assertThat(refusal(WidthTransfer.of(128, 16384, 8e-3))).contains("up to 64 times as wide");
    }

    /** 2^19 tokens double where the critical batch passes 2^20: half-way between its measurements. */
    @Test
    void theBatchDoublesWhereTheCriticalOneIsTwiceIt() {
        List<Critical> measured = List.of(new Critical(0, 0.25 * 1048576), new Critical(1e10, 1.75 * 1048576),
                new Critical(2e10, 1.9 * 1048576));
        Given ramp = given(BatchRamp.of(RUN, measured, 4096));
        assertThat(ramp.megatron()).containsExactly("--step-batch-size-schedule", "0:128 5000000000:256");
        assertThat(ramp.risk()).contains("0.001414");
        assertThat(refusal(BatchRamp.of(RUN, measured.subList(0, 1), 4096)))
                .contains("above twice the batch");
        assertThatThrownBy(() -> BatchRamp.of(RUN, List.of(new Critical(5, 1), new Critical(5, 2)), 4096))
                .hasMessage("measured must ascend by tokens, got 5.0 after 5.0");
    }

    @Test
    void otherOptimizersHaveRatesOfTheirOwn() {
        assertThat(given(OptimizerChange.of(RUN, OptimizerChange.To.MUON).getFirst()).value())
                .isEqualTo(1e-3);
        List<Rule> lion = OptimizerChange.of(RUN, OptimizerChange.To.LION);
        assertThat(given(lion.get(0)).low()).isCloseTo(1e-4, within(1e-12));
        assertThat(given(lion.get(0)).high()).isCloseTo(1e-3 / 3, within(1e-12));
        assertThat(given(lion.get(0)).value() * given(lion.get(1)).value())
                .as("rate x decay stays")
                .isCloseTo(1e-4, within(1e-12));
    }

    @ParameterizedTest(name = "{6}")
    @CsvSource(textBlock = """
            0,   1e9, 1e5, 1e-3, 0.1, 0.95, parameters must be positive and finite
            1e8, NaN, 1e5, 1e-3, 0.1, 0.95, tokens must be positive and finite
            1e8, 1e9, -1,  1e-3, 0.1, 0.95, batchTokens must be positive and finite
            1e8, 1e9, 1e5, 0,    0.1, 0.95, learningRate must be positive and finite
            1e8, 1e9, 1e5, 1e-3, -1,  0.95, weightDecay must be >= 0 and finite
            1e8, 1e9, 1e5, 1e-3, 0.1, 1,    beta2 must lie between 0 and 1
            """)
    void aRunThatCannotBeIsRefused(double parameters, double tokens, double batch, double rate, double decay,
            double beta2, String message) {
        assertThatThrownBy(() -> new RunScale(parameters, tokens, batch, rate, decay, beta2))
                .hasMessageStartingWith(message);
    }

    @ParameterizedTest(name = "{0}, {1} weights, {2} streams: {3}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            text,         weights,    streams, loss
            PILE,         535813376,  1,       2.1113
            PILE,         2784937986, 2,       1.8610
            PILE,         4414502408, 8,       1.7772
            STACK_PYTHON, 535813376,  1,       1.1722
            STACK_PYTHON, 4414502408, 8,       0.9794
            """)
    void parallelStreamsLoseWhatThePaperMeasured(
            ParallelStreams.Text text, double weights, int streams, double loss) {
        assertThat(text.loss(weights, streams)).isCloseTo(loss, within(0.0063 * loss));
    }

    @Test
    void parallelStreamsSayHowFarARunLiesBeyondThem() {
        Given eight = given(ParallelStreams.of(1e9, 8, ParallelStreams.Text.PILE));
        assertThat(eight.low()).isLessThan(eight.value());
        assertThat(eight.high()).isNegative();
        assertThat(eight.megatron()).isEmpty();
        assertThat(given(ParallelStreams.of(1e9, 1, ParallelStreams.Text.PILE)).value()).isZero();
        assertThat(refusal(ParallelStreams.of(1e9, 16, ParallelStreams.Text.PILE)))
                .contains("2.0 times beyond");
        assertThat(refusal(ParallelStreams.of(4.42e10, 2, ParallelStreams.Text.PILE)))
                .contains("10.0 times beyond");
        assertThatThrownBy(() -> ParallelStreams.of(1e9, 0, ParallelStreams.Text.PILE))
                .hasMessageContaining("streams must be positive");
    }
}

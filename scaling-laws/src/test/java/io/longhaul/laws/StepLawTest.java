package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.laws.StepLaw.Scale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepLawTest {
    /** Worked by hand from the formula. */
    @ParameterizedTest
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            parameters, tokens, learningRate, batchTokens
                   1e9,   1e11,   1.6325e-3,     1.1077e6
                   4e8,    8e9,   1.4463e-3,     2.6187e5
            """)
    void isThePublishedFormula(double parameters, double tokens, double learningRate, double batchTokens) {
        Scale scale = new Scale(parameters, tokens, 1e6);
        double rate = 1.79 * Math.exp(-0.713 * Math.log(parameters) + 0.307 * Math.log(tokens));
        assertThat(StepLaw.learningRate(scale)).isCloseTo(rate, within(1e-9));
        assertThat(StepLaw.learningRate(scale)).isCloseTo(learningRate, within(1e-3 * learningRate));
        assertThat(StepLaw.batch(scale)).isCloseTo(batchTokens, within(1e-3 * batchTokens));
    }

    @ParameterizedTest
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            parameters, tokens, inside
                   5e8,   2e10, true
                   2e8,    4e9, true
                 1.9e8,   2e10, false
                 1.2e9,   2e10, false
                   5e8,    3e9, false
                   5e8,   2e11, false
            """)
    void knowsItsDomain(double parameters, double tokens, boolean inside) {
        assertThat(StepLaw.outside(new Scale(parameters, tokens, 1e6)).isEmpty()).isEqualTo(inside);
    }

    /** Medians of the authors' grids: half costs 0.4 %, twice 0.7 %, four times 3.2 %. */
    @Test
    void errorsOfThePeakCostWhatTheGridsShow() {
        assertThat(StepLaw.costOfRate(0)).isZero();
        assertThat(StepLaw.costOfRate(-1)).isCloseTo(0.004, within(0.0005));
        assertThat(StepLaw.costOfRate(1)).isCloseTo(0.007, within(0.0006));
        assertThat(StepLaw.costOfRate(2)).isCloseTo(0.032, within(0.003));
    }
}

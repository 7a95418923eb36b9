package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepLawFitTest {
    private static List<StepLawFit.Good> grid(double factor) {
        List<StepLawFit.Good> runs = new ArrayList<>();
        for (double size : new double[]{2e8, 5e8, 1e9}) {
            for (double tokens : new double[]{5e9, 2e10, 8e10}) {
                StepLaw.Scale scale = new StepLaw.Scale(size, tokens, 1);
                runs.add(
                        new StepLawFit.Good(
                                size, tokens, factor * StepLaw.learningRate(scale),
                                factor * StepLaw.batch(scale)));
            }
        }
        return runs;
    }

    @Test
    void movesToTheGridItIsFittedTo() {
        StepLaw.Scale scale = new StepLaw.Scale(7e8, 4e10, 1);
        StepLawFit law = StepLawFit.fit(grid(1.3));
        assertThat(law.learningRate(scale) / StepLaw.learningRate(scale)).isCloseTo(1.3, within(1e-3));
        assertThat(law.batch(scale) / StepLaw.batch(scale)).isCloseTo(1.3, within(1e-3));
    }

    @Test
    void keepsPublishedExponentsWhereOneCellLeavesThemOpen() {
        StepLawFit law = StepLawFit.fit(grid(1).subList(0, 1));
        StepLaw.Scale scale = new StepLaw.Scale(1e9, 1e11, 1);
        assertThat(law.learningRate(scale)).isCloseTo(StepLaw.learningRate(scale), within(1e-6));
    }
}

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
        assertThat(law.learningRate(scale, 1) / StepLaw.learningRate(scale)).isCloseTo(1.3, within(1e-3));
        assertThat(law.batch(scale, 1) / StepLaw.batch(scale)).isCloseTo(1.3, within(1e-3));
    }

    @Test
    void keepsPublishedExponentsWhereOneCellLeavesThemOpen() {
        StepLawFit law = StepLawFit.fit(grid(1).subList(0, 1));
        StepLaw.Scale scale = new StepLaw.Scale(1e9, 1e11, 1);
        assertThat(law.learningRate(scale, 1)).isCloseTo(StepLaw.learningRate(scale), within(1e-6));
    }

    /** Sparser models of the same size want a higher rate here: eta falls as the fifth root of the active share. */
    @Test
    void learnsWhatSparsityChanges() {
        List<StepLawFit.Good> runs = new ArrayList<>();
        for (double share : new double[]{0.08, 0.25, 0.6}) {
            for (StepLawFit.Good dense : grid(1)) {
                runs.add(
                        new StepLawFit.Good(
                                dense.parameters(), share, dense.tokens(),
                                dense.learningRate() * Math.pow(share, -0.2),
                                dense.batchTokens()));
            }
        }
        StepLaw.Scale scale = new StepLaw.Scale(7e8, 4e10, 1);
        StepLawFit law = StepLawFit.fit(runs);
        // The truth is 1.496; three cells' worth of shares is held towards 1 by the belief that they do not matter.
        assertThat(law.learningRate(scale, 0.08) / law.learningRate(scale, 0.6)).isBetween(1.25, 1.496);
        assertThat(law.batch(scale, 0.08) / law.batch(scale, 0.6)).isCloseTo(1, within(0.01));
    }
}

package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LossBandTest {
    private static final MultiPowerLaw TRUTH = new MultiPowerLaw(2.5, 0.6, 0.45, 158, 2, 0.6, 0.64, 0.08);
    private static final RateHistory RUN = RateHistory.of(
            IntStream.range(0, 2000).mapToDouble(t -> 1e-3 * Math.min(1, (t + 1.0) / 100)).toArray());
    private static final RateHistory LONG = RUN.then(2000, new Continuation.Constant(1e-3), 8000);
    private static final RateHistory DECAY = RUN.then(2000,
            new Continuation.Decay(DecayStyle.LINEAR, 1e-3, 2000, 0), 4000);

    private static LossBand band() {
        int[] steps = IntStream.range(10, 200).map(i -> 10 * i).toArray();
        MultiPowerFit fit = MultiPowerFit.of(
                List.of(new LossCurve(RUN, steps, TRUTH.losses(RUN, steps))), MultiPowerLaw.Shape.UNSEEN);
        return new LossBand(fit, RUN.steps(), 1);
    }

    @Test
    void widensWithTheHorizonAndWithWhatWasNotSeen() {
        LossBand band = band();
        LossBand.At near = band.at(LONG, 1999);
        LossBand.At far = band.at(LONG, 7999);
        LossBand.At decayed = band.at(DECAY, 3999);
        assertThat(far.high() - far.low()).isGreaterThan(2 * (near.high() - near.low()));
        assertThat(decayed.high() - decayed.low()).isGreaterThan(far.high() - far.low());
        assertThat(near.loss()).isBetween(near.low(), near.high());
        assertThat(TRUTH.loss(LONG, 7999)).isBetween(far.low(), far.high());
    }

    @Test
    void errorsThatBothShareCancelInADifference() {
        LossBand band = band();
        assertThat(band.difference(LONG, LONG)).isEqualTo(new LossBand.At(0, 0, 0));
        RateHistory same = RUN.then(2000, new Continuation.Constant(1e-3), 4000);
        LossBand.At gain = band.difference(DECAY, same);
        assertThat(gain.high()).isNegative();
        assertThat(TRUTH.loss(DECAY, 3999) - TRUTH.loss(same, 3999)).isBetween(gain.low(), gain.high());
    }
}

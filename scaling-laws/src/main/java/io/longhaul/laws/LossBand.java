package io.longhaul.laws;

import java.util.List;

/**
 * A predicted loss with its 90 % interval: from the laws that fit as well, and never narrower than what such laws
 * missed recorded schedules by, which grows with every doubling of the horizon.
 */
public final class LossBand {
    /** Share of the loss that 90 % of unseen schedules of the recorded runs lay within, a slow decay having been seen. */
    private static final double LEAST_HALF_WIDTH = 0.002;
    private static final int DRAWS = 100;
    private static final double TAIL = 0.05;

    private final MultiPowerLaw law;
    private final List<MultiPowerLaw> draws;
    private final int seen;

    /** @param seen steps of the longest curve of the fit */
    public LossBand(MultiPowerFit fit, int seen, long seed) {
        law = fit.law();
        draws = fit.draws(DRAWS, seed);
        this.seen = seen;
    }

    /** Loss of a step in nats per token. */
    public record At(double loss, double low, double high) {}

    public At at(RateHistory history, int step) {
        double loss = law.loss(history, step);
        double[] all = draws.stream().mapToDouble(draw -> draw.loss(history, step)).sorted().toArray();
        double doublings = Math.max(0, Math.log((step + 1.0) / seen) / Math.log(2));
        double least = LEAST_HALF_WIDTH * loss * (1 + doublings);
        return new At(loss, Math.min(loss - least, all[(int) (TAIL * all.length)]),
                Math.max(loss + least, all[(int) ((1 - TAIL) * all.length) - 1]));
    }

    /** 90 % interval of what one history's end has over another's; errors that both share cancel out. */
    public At difference(RateHistory history, RateHistory other) {
        int last = history.steps() - 1;
        int otherLast = other.steps() - 1;
        double[] all = draws.stream()
                .mapToDouble(draw -> draw.loss(history, last) - draw.loss(other, otherLast))
                .sorted()
                .toArray();
        double off = law.loss(history, last) - law.loss(other, otherLast);
        return new At(off, Math.min(off, all[(int) (TAIL * all.length)]),
                Math.max(off, all[(int) ((1 - TAIL) * all.length) - 1]));
    }
}

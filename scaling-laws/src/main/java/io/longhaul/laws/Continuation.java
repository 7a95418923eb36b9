package io.longhaul.laws;

import java.util.List;

/** What the learning rate does in the steps that are left. Steps are counted from 0. */
public sealed interface Continuation {
    /**
     * @param from first of the steps that are left
     * @param total steps of the whole run; the last one is {@code total - 1}
     */
    double rate(int step, int from, int total);

    /** One rate to the end. */
    record Constant(double rate) implements Continuation {
        public Constant {
            requireRate("rate", rate);
        }

        @Override
        public double rate(int step, int from, int total) {
            return rate;
        }
    }

    /** A whole run's schedule from where the run stands. */
    record Whole(ScheduleShape shape) implements Continuation {
        @Override
        public double rate(int step, int from, int total) {
            return shape.rate(step + 1L);
        }
    }

    /**
     * The peak up to a step, then a fall to {@code low} at the last one: WSD, or with a start at {@code from} cosine and
     * linear.
     */
    record Decay(DecayStyle style, double peak, int start, double low) implements Continuation {
        public Decay {
            requireRate("peak", peak);
            requireRate("low", low);
            if (low > peak) {
                throw new IllegalArgumentException(
                        "low (" + low + ") must be at most the peak (" + peak + ")");
            }
        }

        @Override
        public double rate(int step, int from, int total) {
            int begin = Math.max(start, from);
            return step < begin
                    ? peak
                    : low + (peak - low)
                            * style.left(Math.min(1, (step - begin + 1) / (double) (total - begin)));
        }
    }

    /**
     * Power scheduler (Shen et al. 2024, arXiv 2408.13359): {@code min(cap, coefficient n^exponent)} at n tokens, then
     * linearly to 0.
     *
     * @param coefficient batch in sequences times the paper's a, 4.6 with muP
     * @param exponent the paper's b, -0.51
     */
    record Power(double cap, double coefficient, double exponent, double tokensPerStep, int decayStart)
            implements
                Continuation {
        public Power {
            requireRate("cap", cap);
            requireRate("coefficient", coefficient);
            if (!(exponent <= 0) || !(tokensPerStep > 0)) {
                throw new IllegalArgumentException(
                        "exponent must be <= 0 and tokensPerStep positive, got " + exponent + " and "
                                + tokensPerStep);
            }
        }

        @Override
        public double rate(int step, int from, int total) {
            int begin = Math.max(decayStart, from);
            double way = Math.max(0, (step - begin + 1) / (double) (total - begin));
            double tokens = tokensPerStep * (Math.min(step, begin) + 1);
            return Math.min(cap, coefficient * Math.pow(tokens, exponent)) * (1 - Math.min(1, way));
        }
    }

    /** A linear rise from {@code at}, the rate before, then something else: for a checkpoint that has decayed already. */
    record Rewarm(int steps, double at, double to, Continuation then) implements Continuation {
        public Rewarm {
            requireRate("at", at);
            requireRate("to", to);
            if (steps < 1) {
                throw new IllegalArgumentException("steps must be >= 1, got " + steps);
            }
        }

        @Override
        public double rate(int step, int from, int total) {
            int done = step - from + 1;
            return done <= steps ? at + (to - at) * done / steps : then.rate(step, from + steps, total);
        }
    }

    /** Given rates, linear in between and level outside. */
    record Table(List<Knot> knots) implements Continuation {
        /** A rate at a step. */
        public record Knot(int step, double rate) {
            public Knot {
                requireRate("rate of step " + step, rate);
            }
        }

        public Table {
            knots = List.copyOf(knots);
            if (knots.isEmpty()) {
                throw new IllegalArgumentException("knots must hold at least one");
            }
            for (int i = 1; i < knots.size(); i++) {
                if (knots.get(i).step() <= knots.get(i - 1).step()) {
                    throw new IllegalArgumentException(
                            "steps of knots must ascend, got step " + knots.get(i).step() + " after step "
                                    + knots.get(i - 1).step());
                }
            }
        }

        @Override
        public double rate(int step, int from, int total) {
            int low = 0;
            int high = knots.size();
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (knots.get(middle).step() <= step) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            if (low == 0 || low == knots.size()) {
                return knots.get(Math.clamp(low - 1, 0, knots.size() - 1)).rate();
            }
            Knot before = knots.get(low - 1);
            Knot after = knots.get(low);
            return before.rate() + (after.rate() - before.rate()) * (step - before.step())
                    / (after.step() - before.step());
        }
    }

    private static void requireRate(String field, double rate) {
        if (!(rate >= 0) || !Double.isFinite(rate)) {
            throw new IllegalArgumentException(field + " must be >= 0 and finite, got " + rate);
        }
    }
}

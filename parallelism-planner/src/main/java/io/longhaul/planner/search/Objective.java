package io.longhaul.planner.search;

/**
 * What a plan is to have least of, per sample trained. All are a sum of the step's seconds and of its busy seconds, with
 * weights that only the number of devices sets; so what makes a step no faster makes it no better.
 */
public sealed interface Objective {
    /** Weight of a second of the step. */
    double perSecond(int ranks, int spares);

    /** Weight of a second in which devices compute, on top. */
    default double perBusySecond(int ranks) {
        return 0;
    }

    /** How the figure reads, for one step of the wished batch. */
    String unit();

    /** Time to the tokens. */
    record Time() implements Objective {
        @Override
        public double perSecond(int ranks, int spares) {
            return 1;
        }

        @Override
        public String unit() {
            return "s";
        }
    }

    /** Device time, by its price. @param perDeviceHour in any currency, > 0 */
    record Cost(double perDeviceHour) implements Objective {
        public Cost {
            positive("perDeviceHour", perDeviceHour);
        }

        @Override
        public double perSecond(int ranks, int spares) {
            return ranks * perDeviceHour / 3600;
        }

        @Override
        public String unit() {
            return "of cost";
        }
    }

    /**
     * Energy.
     *
     * @param idleWatts of a device with its share of the node that waits or communicates, > 0
     * @param busyWatts of one that computes, at least as much
     */
    record Energy(double idleWatts, double busyWatts) implements Objective {
        public Energy {
            positive("idleWatts", idleWatts);
            if (!(busyWatts >= idleWatts)) {
                throw new IllegalArgumentException(
                        "busyWatts must be >= idleWatts (" + idleWatts + "), got " + busyWatts);
            }
        }

        @Override
        public double perSecond(int ranks, int spares) {
            return ranks * idleWatts;
        }

        @Override
        public double perBusySecond(int ranks) {
            return ranks * (busyWatts - idleWatts);
        }

        @Override
        public String unit() {
            return "J";
        }
    }

    /** Time to the tokens with failures: devices that do not work are spares. */
    record Goodput(Reliability reliability) implements Objective {
        @Override
        public double perSecond(int ranks, int spares) {
            return 1 / reliability.usefulShare(ranks, spares);
        }

        @Override
        public String unit() {
            return "s with failures";
        }
    }

    private static void positive(String field, double value) {
        if (!(value > 0) || !Double.isFinite(value)) {
            throw new IllegalArgumentException(field + " must be > 0 and finite, got " + value);
        }
    }
}

package io.longhaul.planner.explain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What to measure next so that the choice between the two best layouts becomes surest.
 *
 * <p>Constants are normal in their logarithms and a measurement adds noise, so that the variance of the difference that
 * is left is known before anything is measured; it does not hang on what will be found.
 *
 * @param runs layouts of which a short run each is the probe
 * @param spreadBefore standard deviation of the logarithm of the two best layouts' ratio
 * @param spreadAfter the same once the probe has run
 */
public record NextProbe(List<Prediction> runs, double spreadBefore, double spreadAfter) {
    public NextProbe {
        runs = List.copyOf(runs);
    }

    /** Share of the variance that it takes away, in [0, 1]. */
    public double gain() {
        return spreadBefore > 0 ? 1 - spreadAfter * spreadAfter / spreadBefore / spreadBefore : 0;
    }

    /**
     * Runs of one layout and of two, the most telling first.
     *
     * @param ranked at least two layouts, best first
     * @param own standard deviation of what the model gets wrong about a layout by itself, > 0
     * @param noise standard deviation of the logarithm of a measured step, > 0
     */
    public static List<NextProbe> rank(List<Prediction> ranked, Knowledge knowledge, double own,
            double noise) {
        if (ranked.size() < 2) {
            throw new IllegalArgumentException("two layouts are needed, got " + ranked.size());
        }
        Model model = new Model(ranked, knowledge, own * own, noise * noise);
        List<NextProbe> probes = new ArrayList<>();
        for (int i = 0; i < ranked.size(); i++) {
            probes.add(model.one(i));
            for (int j = 0; j < i; j++) {
                probes.add(model.two(j, i));
            }
        }
        probes.sort(Comparator.comparingDouble(NextProbe::spreadAfter));
        return List.copyOf(probes);
    }

    /** The joint normal distribution of the two best layouts' difference and of what runs would measure. */
    private record Model(
            List<Prediction> ranked,
            Knowledge knowledge,
            double ownVariance,
            double noiseVariance) {

        private double[] difference() {
            return ranked.get(1).minus(ranked.get(0));
        }

        private double before() {
            return knowledge.variance(difference()) + 2 * ownVariance;
        }

        private double shared(int i) {
            double itself = i == 0 ? -ownVariance : i == 1 ? ownVariance : 0;
            return knowledge.covariance(difference(), ranked.get(i).slopes()) + itself;
        }

        private double measured(int i) {
            return knowledge.variance(ranked.get(i).slopes()) + ownVariance + noiseVariance;
        }

        NextProbe one(int i) {
            double told = shared(i) * shared(i) / measured(i);
            return probe(List.of(ranked.get(i)), told);
        }

        NextProbe two(int i, int j) {
            double both = knowledge.covariance(ranked.get(i).slopes(), ranked.get(j).slopes());
            double determinant = measured(i) * measured(j) - both * both;
            double told = (shared(i) * shared(i) * measured(j) - 2 * shared(i) * shared(j) * both
                    + shared(j) * shared(j) * measured(i)) / determinant;
            return probe(List.of(ranked.get(i), ranked.get(j)), told);
        }

        private NextProbe probe(List<Prediction> runs, double told) {
            return new NextProbe(runs, Math.sqrt(before()), Math.sqrt(Math.max(0, before() - told)));
        }
    }
}

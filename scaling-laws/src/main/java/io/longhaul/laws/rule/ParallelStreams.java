package io.longhaul.laws.rule;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Final loss of a model whose input passes through it in P learned variants at once (Chen et al. 2025, arXiv 2505.10475,
 * "ParScale"): {@code L = E + (A / (N (k ln P + 1)))^a}, so that P streams are worth {@code k ln P + 1} times the
 * weights. Constants are fitted to what the paper reports of 24 models: 0.54e9 to 4.4e9 weights without embeddings, 1
 * to 8 streams.
 */
public final class ParallelStreams {
    static final String LAW = "loss = E + (A / (weights (k ln streams + 1)))^a, fitted to the losses of arXiv 2505.10475";
    private static final double LEAST_PARAMETERS = 5.3e8;
    private static final double MOST_PARAMETERS = 4.42e9;
    private static final int MOST_STREAMS = 8;

    private ParallelStreams() {}

    /** Text that the law was fitted to; losses of one do not compare with those of the other. */
    public enum Text {
        PILE(1.2886, 1.975e8, 0.1963, 0.3344, 0.0063), STACK_PYTHON(0.6912, 1.13e7, 0.1894, 0.3935, 0.0062);

        private final double floor;
        private final double amplitude;
        private final double exponent;
        private final double gain;
        /** Largest of the fit's errors, as share of the loss. */
        private final double error;

        Text(double floor, double amplitude, double exponent, double gain, double error) {
            this.floor = floor;
            this.amplitude = amplitude;
            this.exponent = exponent;
            this.gain = gain;
            this.error = error;
        }

        /** Weights of one stream that are worth as much as one weight of {@code streams}. */
        public double worth(int streams) {
            return gain * Math.log(streams) + 1;
        }

        /**
         * @param parameters weights without embeddings
         * @return nats per token
         */
        public double loss(double parameters, int streams) {
            return floor + Math.pow(amplitude / (parameters * worth(streams)), exponent);
        }
    }

    /** What the loss changes by with so many streams instead of one, in nats; abstains outside of the fit. */
    public static Rule of(double parameters, int streams, Text text) {
        RunScale.positive("parameters", parameters);
        RunScale.positive("streams", streams);
        String subject = "loss with " + streams + " parallel streams instead of one";
        if (parameters < LEAST_PARAMETERS || parameters > MOST_PARAMETERS || streams > MOST_STREAMS) {
            double distance = Math.max(
                    Math.max(parameters / MOST_PARAMETERS, LEAST_PARAMETERS / parameters),
                    (double) streams / MOST_STREAMS);
            return new Rule.Abstained(subject, LAW, String.format(Locale.ROOT,
                    "fitted to %.3g to %.3g weights and up to %d streams, this is %.3g with %d: %.1f times beyond",
                    LEAST_PARAMETERS, MOST_PARAMETERS, MOST_STREAMS, parameters, streams, distance));
        }
        double one = text.loss(parameters, 1);
        double effect = text.loss(parameters, streams) - one;
        double spread = streams == 1 ? 0 : text.error * one;
        return new Rule.Given(
                subject, LAW, Map.of("parameters", parameters, "streams", (double) streams), effect,
                effect - spread, effect + spread,
                String.format(Locale.ROOT,
                        "%s, %.3g weights, fitted to %.3g to %.3g; as good as %.3g times the weights",
                        text, parameters, LEAST_PARAMETERS, MOST_PARAMETERS, text.worth(streams)),
                List.of(), "none: the model's own code",
                "the range is the fit's largest error; compute grows with the streams; for a new run, since the variants are"
                        + " weights of the model",
                false);
    }
}

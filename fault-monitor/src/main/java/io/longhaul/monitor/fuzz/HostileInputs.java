package io.longhaul.monitor.fuzz;

import io.longhaul.monitor.Signal;
import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.hang.RankState.Phase;
import io.longhaul.monitor.health.DcgmText;
import io.longhaul.monitor.health.GpuField;
import io.longhaul.monitor.internals.Internal;
import io.longhaul.monitor.node.Preflight;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;

/**
 * Log lines and signals with everything in them that has ever broken a parser or a detector: pieces of real lines in
 * the wrong places, numbers at the ends of their ranges, steps and times that jump, ranks and nodes that do not exist.
 *
 * <p>The same seed gives the same inputs.
 */
public final class HostileInputs {
    private static final List<String> PIECES = List.of(" iteration ", "50/ 600 |", "step", ":", "=", "loss",
            " lm loss: ", "nan", "inf", "-1e999", "3.9E+00 |", "1e308", "-1e308", "grad norm: ",
            "number of skipped iterations:", "  1 |", "NVRM: Xid (PCI:0000:3b:00): ", "79",
            "999999999999999999999", "CUDA out of memory", "Gradient overflow", "ERROR",
            "Traceback (most recent call last):", "NCCL WARN ", "loss scale: 0.0 |", "\u0000", "\ud83d",
            "\u2028", "((((((((", "\\", "{\"step\": 4, \"loss\": 2.5}",
            "validation loss at iteration 3 | lm loss value: 1 |", " ",
            "global_step: 7 | reduced_train_loss: ", "\u001b[31mstep:  9  \u001b[32mloss: ", " tps: ",
            "elapsed time per iteration (ms): -5 |", "gpu device nvlink fabric ", "error fail timeout ",
            "/checkpoints/iter_0000050/", "                ", "aaaaaaaaaaaaaaaa", "1.1.1.1.1.1.1.1");
    private static final List<String> RATES = List.of("matmulFlops", "memoryBytesPerSecond",
            "linkBytesPerSecond", "allReduceSeconds");
    private static final int LONG_LINE = 20_000;

    private final SplittableRandom random;

    /** @param seed of everything that follows */
    public HostileInputs(long seed) {
        random = new SplittableRandom(seed);
    }

    /** A line of a few hundred characters; one in five hundred has {@value #LONG_LINE} more. */
    public String line() {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
            text.append(PIECES.get(random.nextInt(PIECES.size())));
            if (random.nextInt(4) == 0) {
                text.append((char) random.nextInt(0x3000)).append(random.nextInt());
            }
        }
        if (random.nextInt(500) == 0) {
            String piece = PIECES.get(random.nextInt(PIECES.size()));
            text.append(piece.repeat(LONG_LINE / piece.length()));
        }
        return text.toString();
    }

    private double number() {
        return switch (random.nextInt(14)) {
            case 0 -> Double.NaN;
            case 1 -> Double.POSITIVE_INFINITY;
            case 2 -> -Double.MAX_VALUE;
            case 3 -> Double.MAX_VALUE;
            case 4 -> Double.MIN_VALUE;
            case 5 -> 0;
            case 6 -> -1;
            default -> random.nextDouble() * 10;
        };
    }

    private long step(long input) {
        return switch (random.nextInt(10)) {
            case 0 -> Long.MAX_VALUE - random.nextInt(3);
            case 1 -> Long.MIN_VALUE;
            case 2 -> random.nextLong();
            default -> input;
        };
    }

    private Instant time(long input) {
        return switch (random.nextInt(2000)) {
            case 0 -> Instant.MAX;
            case 1 -> Instant.MIN;
            default -> Instant.ofEpochSecond(input + random.nextInt(100) - 50);
        };
    }

    /** What an exporter could offer that is broken in every way. */
    public String exporterText() {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(4); i > 0; i--) {
            GpuField field = GpuField.values()[random.nextInt(GpuField.values().length)];
            text.append(random.nextInt(20) == 0 ? line() : field.dcgmName())
                    .append("{gpu=\"")
                    .append(random.nextInt(20) == 0 ? random.nextInt() : random.nextInt(8))
                    .append("\",Hostname=\"a\"} ")
                    .append(random.nextInt(20) == 0 ? line() : String.valueOf(number()))
                    .append('\n');
        }
        return text.toString();
    }

    private Map<String, Double> rates() {
        Map<String, Double> rates = new HashMap<>();
        for (int i = random.nextInt(6); i > 0; i--) {
            rates.put(random.nextInt(10) == 0 ? line() : RATES.get(random.nextInt(RATES.size())), number());
        }
        return rates;
    }

    /** A signal of a job of {@code ranks} ranks that is at its {@code input}-th second. */
    public Signal signal(int ranks, long input) {
        Instant at = time(input);
        int rank = random.nextInt(ranks + ranks / 4) - ranks / 8;
        long step = random.nextInt(50) == 0 ? step(input) : input / ranks;
        return switch (random.nextInt(13)) {
            case 0, 1 ->
                new Signal.Step(at, step, number(), OptionalDouble.of(number()), number(), number(),
                        OptionalDouble.of(number()), random.nextInt(3) - 1, random.nextBoolean());
            case 2, 3, 4 -> new Signal.RankStep(at, rank, step, number(), number(), number());
            case 5 -> new Signal.LogLine(at, rank, line());
            case 6 -> {
                long entered = random.nextInt(100);
                boolean foreign = random.nextInt(10) == 0;
                yield new Signal.CollectiveProgress(at,
                        new RankState(foreign ? random.nextInt() : rank,
                                foreign ? random.nextInt() : random.nextInt(4), entered,
                                entered - random.nextInt(3),
                                Phase.values()[random.nextInt(Phase.values().length)],
                                random.nextBoolean()));
            }
            case 7 -> new Signal.Tick(at);
            case 8 -> new Signal.NodeLine(at, rank, line());
            case 10 -> new Signal.ModelInternals(at, step, Internal.of("max attention logit: " + number()
                    + " | aux_loss=" + number() + line()));
            case 11 -> new Signal.Preflight(at, new Preflight.Result(rank / 2, rank, rates(),
                    random.nextInt(4) == 0 ? line() : "", random.nextInt(4) == 0 ? line() : ""));
            case 9 -> new Signal.GpuReadings(at, rank, DcgmText.parse(exporterText()));
            default -> random.nextInt(1000) == 0
                    ? new Signal.RankExited(at, rank, OptionalInt.of(random.nextInt()), OptionalInt.empty(),
                            "")
                    : new Signal.RankStarted(at, rank);
        };
    }
}

package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.hang.RankState.Phase;
import io.longhaul.monitor.watch.LogWatch;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Lines and signals that no trainer would send: nothing throws, and what is kept does not grow. A hundred thousand inputs
 * of each kind; {@code -Dfuzz.inputs=10000000} takes a quarter of an hour.
 */
class FuzzTest {
    private static final int INPUTS = Integer.getInteger("fuzz.inputs", 100_000);
    private static final long SEED = Long.getLong("fuzz.seed", 1);
    private static final long MEGABYTE = 1 << 20;
    private static final List<String> PIECES = List.of(" iteration ", "50/ 600 |", "step", ":", "=", "loss",
            " lm loss: ",
            "nan", "inf", "-1e999", "3.9E+00 |", "grad norm: ", "1e308", "number of skipped iterations:",
            "  1 |",
            "NVRM: Xid (PCI:0000:3b:00): ", "79", "999999999999999999999", "CUDA out of memory",
            "Gradient overflow",
            "ERROR", "Traceback (most recent call last):", "NCCL WARN ", "loss scale: 0.0 |", "\u0000",
            "\ud83d", "\u2028",
            "((((((((", "\\", "{\"step\": 4, \"loss\": 2.5}",
            "validation loss at iteration 3 | lm loss value: 1 |", " ",
            "elapsed time per iteration (ms): -5 |");

    private static String line(SplittableRandom random) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
            text.append(PIECES.get(random.nextInt(PIECES.size())));
            if (random.nextInt(4) == 0) {
                text.append((char) random.nextInt(0x3000)).append(random.nextInt());
            }
        }
        if (random.nextInt(500) == 0) {
            text.append("x".repeat(20_000));
        }
        return text.toString();
    }

    private static double number(SplittableRandom random) {
        return switch (random.nextInt(12)) {
            case 0 -> Double.NaN;
            case 1 -> Double.POSITIVE_INFINITY;
            case 2 -> -Double.MAX_VALUE;
            case 3 -> Double.MIN_VALUE;
            case 4 -> 0;
            case 5 -> -1;
            default -> random.nextDouble() * 10;
        };
    }

    private static long step(SplittableRandom random, int input) {
        return switch (random.nextInt(10)) {
            case 0 -> Long.MAX_VALUE - random.nextInt(3);
            case 1 -> Long.MIN_VALUE;
            case 2 -> random.nextLong();
            default -> input;
        };
    }

    private static Signal signal(SplittableRandom random, int input) {
        Instant at = Instant.ofEpochSecond(input + random.nextInt(100) - 50);
        int rank = random.nextInt(20) - 4;
        long step = random.nextInt(50) == 0 ? step(random, input) : input / 16;
        return switch (random.nextInt(9)) {
            case 0, 1 ->
                new Signal.Step(at, step, number(random), OptionalDouble.of(number(random)), number(random),
                        number(random), OptionalDouble.of(number(random)), random.nextInt(3) - 1,
                        random.nextBoolean());
            case 2, 3, 4 ->
                new Signal.RankStep(at, rank, step, number(random), number(random), number(random));
            case 5 -> new Signal.LogLine(at, rank, line(random));
            case 6 -> {
                long entered = random.nextInt(100);
                yield new Signal.CollectiveProgress(at,
                        new RankState(random.nextInt(), random.nextInt(), entered,
                                entered - random.nextInt(3),
                                Phase.values()[random.nextInt(Phase.values().length)],
                                random.nextBoolean()));
            }
            case 7 -> new Signal.Tick(at);
            default -> random.nextInt(1000) == 0
                    ? new Signal.RankExited(at, rank, OptionalInt.of(random.nextInt()), OptionalInt.empty(),
                            "")
                    : new Signal.RankStarted(at, rank);
        };
    }

    private static long used() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Test
    void anyLineIsReadWithoutHarm() {
        SplittableRandom random = new SplittableRandom(SEED);
        LogWatch watch = new LogWatch();
        long before = 0;
        for (int i = 0; i < INPUTS; i++) {
            before = i == INPUTS / 2 ? used() : before;
            watch.accept(line(random));
        }
        assertThat(watch.lines()).isEqualTo(INPUTS);
        assertThat(used() - before).as("bytes kept by the second half, seed %d", SEED)
                .isLessThan(8 * MEGABYTE);
        assertThat(watch.unknownLines().all()).hasSizeLessThanOrEqualTo(256);
    }

    @Test
    void anySignalIsTakenWithoutHarm() {
        SplittableRandom random = new SplittableRandom(SEED);
        AttemptMonitor monitor = new AttemptMonitor(16,
                Thresholds.of(Duration.ofSeconds(120), Duration.ofSeconds(60)));
        long before = 0;
        long findings = 0;
        for (int i = 0; i < INPUTS; i++) {
            before = i == INPUTS / 2 ? used() : before;
            findings += monitor.accept(signal(random, i)).size();
        }
        assertThat(findings).as("some of it is trouble").isPositive();
        assertThat(used() - before).as("bytes kept by the second half, seed %d", SEED)
                .isLessThan(8 * MEGABYTE);
    }
}

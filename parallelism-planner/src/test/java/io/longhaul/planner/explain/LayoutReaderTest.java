package io.longhaul.planner.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LayoutReaderTest {
    private static final ParallelLayout BASE = ParallelLayout.of(8, 1, 4, 4, 2, 16)
            .withSharding(Sharding.OPTIMIZER);

    private static ParallelLayout read(String text) {
        return LayoutReader.read(text, BASE, 128, 128);
    }

    @Test
    void whatIsNotNamedStaysOrFollows() {
        ParallelLayout c = read("tp4 pp8x3 recompute-full2");
        assertThat(c).isEqualTo(
                ParallelLayout.of(4, 1, 8, 4, 2, 16)
                        .withSharding(Sharding.OPTIMIZER)
                        .withSchedule(Schedule.INTERLEAVED, 3)
                        .withRecompute(Recompute.full(2)));
        assertThat(read("tp1").sequenceParallel()).isFalse();
        assertThat(read("TP2, cp2, b1").microBatches()).isEqualTo(16);
        assertThat(read("zb-v").chunks()).isEqualTo(2);
        assertThat(read("pp2 layers[5, 6]").split()).contains(new LayerSplit(List.of(5, 6)));
    }

    /** Every choice survives the way through its own text. */
    @Test
    void readsWhatLayoutsWrite() {
        for (long seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            ParallelLayout c = drawn(random);
            ParallelLayout base = ParallelLayout.of(1, 1, 1, 1, 1, 1);
            assertThat(LayoutReader.read(c.toString(), base, c.worldSize(), c.globalBatch()))
                    .as("seed %d: %s", seed, c)
                    .isEqualTo(c);
        }
    }

    private static ParallelLayout drawn(Random random) {
        int tensor = 1 << random.nextInt(4);
        int context = 1 << random.nextInt(3);
        int pipeline = 1 + random.nextInt(6);
        Schedule schedule = Schedule.values()[random.nextInt(Schedule.values().length)];
        int chunks = schedule.vShaped() ? 2 : schedule == Schedule.INTERLEAVED ? 2 + random.nextInt(3) : 1;
        ParallelLayout c = ParallelLayout
                .of(tensor, context, pipeline, 1 + random.nextInt(8), 1 + random.nextInt(4),
                        1 + random.nextInt(9))
                .withSchedule(schedule, chunks)
                .withSequenceParallel(tensor > 1 && random.nextBoolean())
                .withVocabularyParallel(random.nextBoolean())
                .withSharding(random.nextBoolean()
                        ? Sharding.NONE
                        : new Sharding(1 + random.nextInt(3), 1 + random.nextInt(3)))
                .withRecompute(
                        switch (random.nextInt(4)) {
                            case 0 -> Recompute.NONE;
                            case 1 -> Recompute.SELECTIVE;
                            case 2 -> Recompute.FULL;
                            default -> Recompute.full(1 + random.nextInt(5));
                        })
                .withOffload(new Offload(random.nextInt(101) / 100.0, random.nextInt(101) / 100.0))
                .withPrecision(Precision.values()[random.nextInt(Precision.values().length)])
                .withOptimizer(OptimizerKind.values()[random.nextInt(OptimizerKind.values().length)]);
        if (context > 1) {
            c = c.withContextKind(ContextKind.values()[random.nextInt(3)]);
        }
        if (random.nextBoolean()) {
            c = c.withExperts(2 + random.nextInt(3), random.nextBoolean() ? 1 : tensor);
        }
        Integer[] split = random.ints((long) pipeline * chunks, 0, 20).boxed().toArray(Integer[]::new);
        LayerSplit uneven = new LayerSplit(List.of(split));
        return random.nextBoolean() && !uneven.even() ? c.withSplit(Optional.of(uneven)) : c;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            tp8 oops          | 'oops' names no part of a layout; allowed are words such as tp8
            tp0               | tp must be >= 1, got 0
            tp3               | tp * cp * pp (3 * 1 * 4 = 12) must divide the ranks (128)
            tp8 pp4 dp8       | dp 4 is left
            b3                | dp * b (4 * 3) must divide the global batch (128); nearest batches are 120 and 132
            zero4             | zero must be 0 to 3, got 4
            recompute-none3   | only recompute-full counts layers
            layers[1,2]       | split must have pipeline * chunks (4) entries
            """)
    void saysWhatIsWrongWithWhichWord(String text, String message) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }
}

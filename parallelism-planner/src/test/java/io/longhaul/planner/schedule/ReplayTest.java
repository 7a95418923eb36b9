package io.longhaul.planner.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.schedule.PassTimes.Chunk;
import io.longhaul.planner.schedule.Timeline.Event;
import io.longhaul.planner.schedule.Timeline.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class ReplayTest {
    private static final double EXACT = 1e-9;

    private static Timeline unit(Schedule schedule, int stages, int chunks, int microBatches) {
        Orders orders = Orders.of(schedule, stages, chunks, microBatches, stages);
        double pass = 1.0 / chunks;
        return Replay.run(orders, PassTimes.equal(orders.positions(), stages, pass, pass, pass));
    }

    private static int chunks(Schedule schedule) {
        return schedule.vShaped() ? 2 : schedule == Schedule.INTERLEAVED ? 3 : 1;
    }

    /**
     * Time beyond the {@code 3 M} units of work of a stage if all passes take a unit. 1F1B and interleaved: Narayanan
     * et al. 2021, section 2.2; ZB: Qi et al. 2024, table 2 and section 6; V: their table in Pipeline Parallelism with
     * Controllable Memory; DualPipe: DeepSeek-AI 2024, table 2, with forward and backward together three units.
     */
    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            schedule,    chunks, bubblePerBorder
            ONE_F_ONE_B,      1, 3
            INTERLEAVED,      2, 1.5
            INTERLEAVED,      4, 0.75
            ZB_H1,            1, 1
            ZB_H2,            1, 0
            ZB_V,             2, 0
            V_HALF,           2, 1.5
            """)
    void bubblesAreThoseOfTheClosedForms(Schedule schedule, int chunks, double bubblePerBorder) {
        for (int stages : new int[]{2, 4, 6, 8, 16}) {
            int microBatches = 4 * stages;
            Timeline timeline = unit(schedule, stages, chunks, microBatches);
            assertThat(timeline.longestStageSeconds())
                    .isCloseTo(3 * microBatches + (stages - 1) * bubblePerBorder, within(EXACT));
        }
    }

    /** Two thirds of 1F1B's bubble and a rest that does not grow with the stages. */
    @Test
    void theBubbleOfVMinIsTwoThirds() {
        for (int stages = 2; stages <= 24; stages++) {
            int microBatches = 4 * stages;
            double bubble = unit(Schedule.V_MIN, stages, 2, microBatches).longestStageSeconds()
                    - 3 * microBatches;
            assertThat(bubble).isBetween(2.0 * (stages - 1) - 1, 2.0 * (stages - 1) + 1);
        }
    }

    @Test
    void theBubbleOfDualPipeIsThatOfItsReport() {
        for (int stages = 2; stages <= 16; stages += 2) {
            Timeline timeline = unit(Schedule.DUAL_PIPE, stages, 1, 3 * stages + stages % 4);
            assertThat(timeline.makespanSeconds() - timeline.busySeconds(0))
                    .isCloseTo(2 * (stages / 2.0 - 1), within(EXACT));
        }
    }

    /** Micro-batches in flight on the fullest stage; the table of the zero-bubble authors, in 1F1B's micro-batches. */
    @ParameterizedTest(name = "{0}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            schedule,    six, eight, sixteen
            ONE_F_ONE_B,   6,     8,      16
            ZB_H1,         6,     8,      16
            ZB_H2,        11,    15,      31
            ZB_V,          6,     8,      16
            V_HALF,        4,     5,       9
            V_MIN,         3,     4,       6
            DUAL_PIPE,     7,     9,      17
            """)
    void memoryIsThatOfThePapers(Schedule schedule, double six, double eight, double sixteen) {
        Map<Integer, Double> expected = Map.of(6, six, 8, eight, 16, sixteen);
        expected.forEach((stages, held) -> {
            Timeline timeline = unit(schedule, stages, chunks(schedule), 6 * stages);
            double most = IntStream.range(0, stages).map(timeline::mostInFlight).max().orElseThrow();
            assertThat(most / chunks(schedule)).isEqualTo(held);
        });
    }

    @Test
    void interleavedStagesHoldWhatMegatronsWarmUpLeaves() {
        int stages = 4;
        int chunks = 3;
        for (int group : new int[]{4, 6, 8}) {
            int microBatches = 2 * group + 4;
            Timeline timeline = Replay.run(
                    Orders.of(Schedule.INTERLEAVED, stages, chunks, microBatches, group),
                    PassTimes.equal(stages * chunks, stages, 1, 1, 1));
            for (int stage = 0; stage < stages; stage++) {
                assertThat(timeline.mostInFlight(stage))
                        .isEqualTo(2 * (stages - stage - 1) + (chunks - 1) * group + 1);
            }
        }
    }

    /** Two stages, two micro-batches: F 1 and 2, backward 2 and 4, transfers 0.5, worked by hand. */
    @Test
    void unequalStagesAsWorkedByHand() {
        PassTimes times = new PassTimes(
                List.of(new Chunk(1, 1, 1, 0.25, 0.75, 10), new Chunk(2, 2, 2, 0, 0, 20)),
                List.of(0.5, 0.5), true, 1);
        Timeline timeline = Replay.run(Orders.of(Schedule.ONE_F_ONE_B, 2, 1, 2, 2), times);
        assertThat(IntStream.range(0, 4).mapToObj(i -> timeline.event(0, i).start()))
                .containsExactly(0.25, 1.25, 8.25, 14.25);
        assertThat(IntStream.range(0, 4).mapToObj(i -> timeline.event(1, i).start()))
                .containsExactly(1.75, 3.75, 7.75, 9.75);
        assertThat(timeline.makespanSeconds()).isEqualTo(17);
        assertThat(timeline.idleSeconds(0)).isEqualTo(10.25);
        assertThat(timeline.peakBytes(0)).isEqualTo(20);
        assertThat(timeline.peakBytes(1)).isEqualTo(20);
    }

    @Test
    void aSenderThatMustWaitIsSlower() {
        Orders orders = Orders.of(Schedule.ONE_F_ONE_B, 4, 1, 8, 4);
        double free = Replay.run(orders, transfers(true)).makespanSeconds();
        double blocked = Replay.run(orders, transfers(false)).makespanSeconds();
        assertThat(blocked).isGreaterThan(free);
    }

    private static PassTimes transfers(boolean overlap) {
        return new PassTimes(
                Collections.nCopies(4, new Chunk(1, 1, 1, 0, 0, 1)), List.of(0.1, 0.1, 0.1, 0.1),
                overlap, 1);
    }

    static List<Drawn> drawn() {
        List<Drawn> cases = new ArrayList<>();
        for (long seed = 0; seed < 400; seed++) {
            Random random = new Random(seed);
            Schedule schedule = Schedule.values()[random.nextInt(Schedule.values().length)];
            int stages = 1 + random.nextInt(12);
            stages += schedule == Schedule.DUAL_PIPE ? stages % 2 : 0;
            int chunks = schedule == Schedule.INTERLEAVED ? 2 + random.nextInt(3) : chunks(schedule);
            int microBatches = switch (schedule) {
                case DUAL_PIPE -> 2 * (stages + random.nextInt(2 * stages));
                case INTERLEAVED -> stages * (1 + random.nextInt(4));
                default -> 1 + random.nextInt(4 * stages);
            };
            List<Chunk> times = new ArrayList<>();
            for (int i = 0; i < stages * chunks; i++) {
                times.add(
                        new Chunk(
                                random.nextDouble(), random.nextDouble(), random.nextDouble(),
                                random.nextDouble() / 4, random.nextDouble() / 4, 1 + random.nextInt(9)));
            }
            List<Double> transfers = random.doubles(stages, 0, 0.3).boxed().toList();
            cases.add(
                    new Drawn(
                            seed, Orders.of(schedule, stages, chunks, microBatches, stages),
                            new PassTimes(times, transfers, random.nextBoolean(), random.nextDouble())));
        }
        return cases;
    }

    record Drawn(long seed, Orders orders, PassTimes times) {
        @Override
        public String toString() {
            return "seed " + seed + " " + orders.schedule() + " p=" + orders.stages();
        }
    }

    @ParameterizedTest
    @MethodSource("drawn")
    void everyPassRunsOnceAfterWhatItNeedsAndAlone(Drawn drawn) {
        Timeline timeline = Replay.run(drawn.orders(), drawn.times());
        Map<String, Event> events = new HashMap<>();
        for (int stage = 0; stage < timeline.stages(); stage++) {
            double free = 0;
            for (int i = 0; i < timeline.size(stage); i++) {
                Event event = timeline.event(stage, i);
                assertThat(event.start()).isGreaterThanOrEqualTo(free - EXACT);
                free = event.end();
                int position = position(drawn.orders(), stage, event.lane());
                int way = drawn.orders().schedule() == Schedule.DUAL_PIPE ? event.lane() : 0;
                for (Kind kind : event.kind() == Kind.BACKWARD
                        ? List.of(Kind.INPUT_GRADIENT, Kind.WEIGHT_GRADIENT)
                        : List.of(event.kind())) {
                    assertThat(
                            events.put(kind + " " + position + " " + way + " " + event.microBatch(), event))
                            .isNull();
                }
            }
        }
        int work = timeline.stages() * timeline.lanes() * drawn.orders().perLane() * 3;
        assertThat(events).hasSize(work);
        events.forEach((name, event) -> {
            String[] parts = name.split(" ");
            int position = Integer.parseInt(parts[1]);
            String rest = " " + parts[2] + " " + parts[3];
            switch (Kind.valueOf(parts[0])) {
                case FORWARD -> after(event, events.get(Kind.FORWARD + " " + (position - 1) + rest));
                case INPUT_GRADIENT -> {
                    after(event, events.get(Kind.FORWARD + " " + position + rest));
                    after(event, events.get(Kind.INPUT_GRADIENT + " " + (position + 1) + rest));
                }
                default -> {
                    if (event.kind() == Kind.WEIGHT_GRADIENT) {
                        after(event, events.get(Kind.INPUT_GRADIENT + " " + position + rest));
                    }
                }
            }
        });
    }

    /** Where a chunk is, told apart from the code under test. */
    private static int position(Orders orders, int stage, int lane) {
        int back = orders.stages() - 1 - stage;
        return switch (orders.schedule()) {
            case ONE_F_ONE_B, ZB_H1, ZB_H2 -> stage;
            case INTERLEAVED -> lane * orders.stages() + stage;
            case ZB_V, V_HALF, V_MIN -> lane == 0 ? stage : orders.stages() + back;
            case DUAL_PIPE -> lane == 0 ? stage : back;
        };
    }

    private static void after(Event event, Event needed) {
        if (needed != null) {
            assertThat(event.start()).isGreaterThanOrEqualTo(needed.end() - EXACT);
        }
    }

    @ParameterizedTest
    @MethodSource("drawn")
    void slowerPassesNeverMakeAStepFaster(Drawn drawn) {
        double before = Replay.run(drawn.orders(), drawn.times()).makespanSeconds();
        Random random = new Random(drawn.seed());
        List<Chunk> chunks = new ArrayList<>(drawn.times().chunks());
        int slow = random.nextInt(chunks.size());
        Chunk c = chunks.get(slow);
        chunks.set(
                slow,
                new Chunk(
                        c.forwardSeconds() + random.nextDouble(), c.inputSeconds() + random.nextDouble(),
                        c.weightSeconds(), c.firstSeconds(), c.lastSeconds(), 1));
        PassTimes slower = new PassTimes(
                chunks, drawn.times().transferSeconds(), drawn.times().overlap(), 1);
        assertThat(Replay.run(drawn.orders(), slower).makespanSeconds())
                .isGreaterThanOrEqualTo(before - EXACT);
    }

    @ParameterizedTest
    @MethodSource("drawn")
    void whatIsHeldIsLetGoAgain(Drawn drawn) {
        Timeline timeline = Replay.run(drawn.orders(), drawn.times());
        for (int stage = 0; stage < timeline.stages(); stage++) {
            double[] held = timeline.heldBytes(stage);
            assertThat(Arrays.stream(held).min().orElseThrow()).isGreaterThanOrEqualTo(-EXACT);
            assertThat(timeline.peakBytes(stage)).isEqualTo(Arrays.stream(held).max().orElseThrow());
            assertThat(timeline.mostInFlight(stage))
                    .isLessThanOrEqualTo(drawn.orders().perLane() * drawn.orders().lanes());
        }
    }

    /** No micro-batch count between one and many that a schedule claims to run makes it wait for itself. */
    @ParameterizedTest
    @EnumSource(Schedule.class)
    void runsWithAnyNumberOfMicroBatches(Schedule schedule) {
        for (int stages = 1; stages <= 10; stages++) {
            for (int microBatches = 1; microBatches <= 3 * stages; microBatches++) {
                try {
                    assertThat(unit(schedule, stages, chunks(schedule), microBatches).makespanSeconds())
                            .isGreaterThanOrEqualTo(3 * microBatches - EXACT);
                } catch (IllegalArgumentException refused) {
                    assertThat(schedule).isIn(Schedule.INTERLEAVED, Schedule.DUAL_PIPE);
                }
            }
        }
    }

    @Test
    void refusesWhatDoesNotExist() {
        assertThatThrownBy(() -> Orders.of(Schedule.DUAL_PIPE, 4, 1, 6, 4))
                .hasMessageContaining("even microBatches (6) >= 2 * stages");
        assertThatThrownBy(() -> Orders.of(Schedule.INTERLEAVED, 4, 2, 6, 4))
                .hasMessageContaining("got 2");
        assertThatThrownBy(() -> Orders.of(Schedule.ZB_V, 4, 1, 8, 4)).hasMessageContaining("chunks 2");
    }
}

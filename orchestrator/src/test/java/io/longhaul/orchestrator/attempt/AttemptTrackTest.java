package io.longhaul.orchestrator.attempt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.longhaul.monitor.AttemptMonitor;
import io.longhaul.monitor.Finding;
import io.longhaul.monitor.Thresholds;
import io.longhaul.monitor.hang.RankState;
import io.longhaul.orchestrator.attempt.AttemptTrack.StepPoint;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import io.longhaul.orchestrator.telemetry.AgentRecord.Stream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AttemptTrackTest {
    private static final Instant AT = Instant.parse("2026-01-01T00:00:00Z");

    private final AttemptTrack track = new AttemptTrack(
            new AttemptMonitor(2, Thresholds.of(Duration.ofMinutes(2), Duration.ofMinutes(1))));

    private List<Finding> says(long second, int rank, Stream stream, String line) {
        return track.accept(0, new AgentRecord.LogLine(second, AT.plusSeconds(second), rank, stream, line));
    }

    private static String titan(int rank, long step, double loss) {
        return String.format(Locale.ROOT, "[rank%d]:[titan] 2026-05-18 16:04:46,338 - root - INFO - "
                + "\u001b[31mstep: %2d  \u001b[32mloss: %8.5f  \u001b[38;2;180;60;0mgrad_norm:  0.8319"
                + "  \u001b[38;2;54;234;195mmemory:  9.46GiB(64.99%%)"
                + "  \u001b[34mtps: 7,282  \u001b[36mtflops: 0.52  \u001b[35mmfu: 0.17%%\u001b[39m",
                rank, step, loss);
    }

    /** Every rank writes them, to standard error. */
    @Test
    void torchtitansLinesAreOneCurveAndANanInThemIsFound() {
        List<Finding> found = new ArrayList<>();
        for (int step = 1; step <= 20; step++) {
            for (int rank = 0; rank < 2; rank++) {
                found.addAll(says(step, rank, Stream.STDERR, titan(rank, step, 8 - 0.1 * step)));
            }
        }
        assertThat(found).isEmpty();
        assertThat(track.steps()).extracting(StepPoint::step)
                .containsExactlyElementsOf(LongStream.rangeClosed(1, 20).boxed().toList());
        assertThat(says(21, 1, Stream.STDERR, titan(1, 21, Double.NaN))).extracting(Finding::kind)
                .containsExactly(Finding.Kind.NAN);
    }

    @Test
    void nemosLinesCountTheStepsDoneAndTellHowLongTheyTook() {
        says(1, 0, Stream.STDOUT, "Training epoch 0, iteration 0/9 | lr: 0.0006 | consumed_samples: 32"
                + " | global_batch_size: 32 | global_step: 0 | reduced_train_loss: 11.02");
        says(2, 0, Stream.STDOUT, "Training epoch 1, iteration 0/9 | lr: 0.0006 | consumed_samples: 352"
                + " | global_batch_size: 32 | global_step: 10 | reduced_train_loss: 7.113"
                + " | train_step_timing in s: 4.5 | val_loss: 4.106");
        assertThat(track.steps()).extracting(StepPoint::step, StepPoint::loss, StepPoint::learningRate)
                .containsExactly(tuple(1L, 11.02, 0.0006),
                        tuple(11L, 7.113, 0.0006));
        assertThat(track.stepSeconds()).hasValue(4.5);
    }

    private void stands(long second, int rank, RankState.Phase phase, long entered, long finished) {
        track.accept(0, new AgentRecord.Collectives(second, AT.plusSeconds(second), rank, phase,
                List.of(new AgentRecord.Collectives.Group(0, entered, finished))));
    }

    /** Both told of themselves at the start, and since the last step only one does. */
    @Test
    void aHangIsExplainedByWhoStillTellsOfItsCollectives() {
        stands(1, 0, RankState.Phase.COMPUTE, 1, 1);
        stands(1, 1, RankState.Phase.COMPUTE, 1, 1);
        says(2, 1, Stream.STDOUT, " iteration 5/ 100 | consumed samples: 40 | lm loss: 6.5E+00 |");
        stands(8, 0, RankState.Phase.COLLECTIVE, 9, 8);
        assertThat(track.tick(AT.plusSeconds(100))).singleElement().satisfies(stall -> {
            assertThat(stall.kind()).isEqualTo(Finding.Kind.STALLED);
            assertThat(stall.rank()).hasValue(1);
            assertThat(stall.evidence()).containsEntry("waits for",
                    "rank 1 no longer reports, and the others wait");
        });
    }

    /** What a Megatron job quotes of another trainer's log is no step of its own. */
    @Test
    void aTrainerIsNotTakenForAnother() {
        says(1, 1, Stream.STDOUT, " iteration 5/ 100 | consumed samples: 40 | lm loss: 6.5E+00 |");
        says(2, 1, Stream.STDERR, titan(0, 90, 3));
        assertThat(track.steps()).extracting(StepPoint::step).containsExactly(5L);
    }
}

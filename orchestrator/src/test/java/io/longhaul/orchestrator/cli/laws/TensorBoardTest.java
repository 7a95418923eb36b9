package io.longhaul.orchestrator.cli.laws;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that TensorBoard's own writer wrote: scalars of the first kind, then a resumed run with those of the second. */
final class TensorBoardTest {
    private static final Path RUN = Path.of("src/test/resources/tensorboard");
    private static final Path FIRST = RUN.resolve("events.out.tfevents.1700000000.node.1.0");

    private static CurveFile read(Path path) {
        return CurveFile.read(path, Optional.empty(), Optional.empty());
    }

    @Test
    void aDirectoryIsOneRunAndItsResumedStepsCountOnce() {
        CurveFile run = read(RUN);
        assertThat(run.repairs())
                .contains("1 times resumed: 10 earlier lines give way to the later ones of their steps");
        int[] steps = run.curve().steps();
        assertThat(steps[0]).isEqualTo(run.warmup()).isEqualTo(9);
        assertThat(steps[steps.length - 1]).isEqualTo(100);
        for (int i = 0; i < steps.length; i++) {
            assertThat(run.curve().losses()[i]).isCloseTo(3 + 2 / Math.sqrt(steps[i] + 10.0),
                    offset(1e-6));
        }
        assertThat(run.history().rate(50)).isCloseTo(3e-3, offset(1e-9));
    }

    @Test
    void aRecordThatWasBeingWrittenIsLeftOut(@TempDir Path directory) throws IOException {
        byte[] whole = Files.readAllBytes(FIRST);
        Path cut = Files.write(directory.resolve("events.out.tfevents.1.node"),
                Arrays.copyOf(whole, whole.length - 70));
        int[] steps = read(cut).curve().steps();
        assertThat(steps[steps.length - 1]).isEqualTo(59);
    }

    @Test
    void damageIsFoundAndNamed(@TempDir Path directory) throws IOException {
        byte[] whole = Files.readAllBytes(FIRST);
        whole[5000] ^= 1;
        Path damaged = Files.write(directory.resolve("events.out.tfevents.1.node"), whole);
        assertThatThrownBy(() -> read(damaged)).hasMessageContaining("byte 49");
        Path other = Files.writeString(directory.resolve("tfevents.csv"), "step,lr,loss\n1,2,3\n");
        assertThatThrownBy(() -> read(other)).hasMessageContaining("no TensorBoard events at byte 0");
    }
}

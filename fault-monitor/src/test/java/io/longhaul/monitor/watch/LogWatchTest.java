package io.longhaul.monitor.watch;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.watch.Notice.Grade;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LogWatchTest {
    private final LogWatch watch = new LogWatch();
    private final SplittableRandom random = new SplittableRandom(1);

    private List<Notice> steps(int from, int to, double loss) {
        List<Notice> notices = new ArrayList<>();
        for (int step = from; step < to; step++) {
            notices.addAll(watch.accept(line(step, loss + 0.02 * random.nextGaussian())));
        }
        return notices;
    }

    private static String line(int step, double loss) {
        return String.format(Locale.ROOT,
                "iteration %d/ 1000 | elapsed time per iteration (ms): 500.0 | lm loss: %.6E |",
                step, loss);
    }

    @Test
    void tellsOfASpikeAndOfErrors() {
        assertThat(steps(1, 200, 3)).isEmpty();
        List<Notice> notices = steps(200, 203, 4);
        assertThat(notices).extracting(Notice::kind).containsExactly("spike");
        assertThat(notices.getFirst().grade()).isEqualTo(Grade.MAJOR);
        assertThat(notices.getFirst().line()).isEqualTo(200);
        assertThat(watch.accept("RuntimeError: CUDA out of memory. Tried to allocate 1 GiB"))
                .extracting(Notice::kind)
                .containsExactly("mem.cuda_oom");
        assertThat(watch.accept("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB")).isEmpty();
    }

    @Test
    void linesOfSeveralRanksCountOnce() {
        for (int step = 1; step < 100; step++) {
            String line = line(step, 3 + 0.02 * random.nextGaussian());
            assertThat(watch.accept(line)).isEmpty();
            assertThat(watch.accept(line)).isEmpty();
        }
        assertThat(watch.points()).isEqualTo(99);
    }

    @Test
    void aRestartIsNoFault() {
        steps(1, 300, 3);
        assertThat(steps(200, 420, 3.4)).extracting(Notice::kind).containsExactly("restart");
    }

    @Test
    void tellsAStormOfOverflowsFromALossScaleThatFindsItsPlace() {
        for (int i = 0; i < 60; i++) {
            assertThat(watch.accept("0: Grad overflow on iteration " + i)).isEmpty();
            assertThat(watch.accept("1: Grad overflow on iteration " + i)).isEmpty();
        }
        assertThat(steps(60, 100, 3)).isEmpty();
        List<Notice> notices = new ArrayList<>();
        for (int i = 100; i < 300; i++) {
            notices.addAll(watch.accept("0: Grad overflow on iteration " + i));
        }
        assertThat(notices).extracting(Notice::kind).containsExactly("overflow storm");
        assertThat(notices.getFirst().grade()).isEqualTo(Grade.CRITICAL);
    }

    @Test
    void gathersWhatItDoesNotKnow() {
        for (int i = 0; i < 10; i++) {
            watch.accept("frobnicator 0x" + i + " at /a/" + i + " failed with code " + i);
        }
        watch.accept("all is well");
        assertThat(watch.unknownLines().all()).containsExactly(
                new UnknownLines.Kind("frobnicator 0x0 at /a/0 failed with code 0", 10));
    }

    /** Whatever a broken pipe, a binary file or a mad program writes. */
    @Test
    void survivesAnything() {
        String[] pieces = {"iteration ", "step", ": ", "loss", " | ", "nan", "-inf", "1e999", "9".repeat(40),
                "/", "\u0000",
                "\ud800", "Xid (PCI:", "): ", "79", "grad norm: ", "{'", "elapsed time per iteration (ms): ",
                "(".repeat(50),
                "error ", "x".repeat(3000), "0", "1", ".", "E+", "\t", "CANCELLED AT "};
        for (int i = 0; i < 5_000; i++) {
            StringBuilder line = new StringBuilder();
            int count = random.nextInt(14);
            for (int j = 0; j < count; j++) {
                line.append(
                        random.nextInt(8) == 0
                                ? String.valueOf((char) random.nextInt(0x10000))
                                : pieces[random.nextInt(pieces.length)]);
            }
            watch.accept(line.toString());
        }
        assertThat(watch.lines()).isEqualTo(5_000);
        assertThat(watch.unknownLines().all()).hasSizeLessThanOrEqualTo(256);
    }
}

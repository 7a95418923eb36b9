package io.longhaul.monitor.watch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProgressTest {
    @ParameterizedTest
    @CsvSource(delimiter = '~', nullValues = "-", value = {
            "120 ~ 6.5 ~ 0.97 ~ 0.5 ~ iteration 120/ 1000 | elapsed time per iteration (ms): 500.0 | lm loss: 6.5E+00 | grad norm: 0.97 |",
            "40 ~ 7.1 ~ - ~ 0.3 ~ steps: 40 loss: 7.1 iter time (s): 0.3 samples/sec: 10.0",
            "10 ~ 8.1421 ~ 3.61 ~ - ~ [titan] 2025-01-01 10:00:00,000 - root - INFO - step: 10  loss:  8.1421  grad_norm:  3.61  memory: 12.52GiB(13.18%)  tps: 4,021",
            "500 ~ 2.31 ~ 0.8 ~ - ~ {'loss': 2.31, 'grad_norm': 0.8, 'learning_rate': 5e-05, 'epoch': 0.1, 'step': 500}",
            "100 ~ 3.29 ~ - ~ 0.2001 ~ iter 100: loss 3.29, time 200.10ms, mfu 35.20%",
            "19 ~ 10.2 ~ - ~ 4.5 ~ Training epoch 0, iteration 19/99 | lr: 1e-06 | global_batch_size: 8 | global_step: 19 | reduced_train_loss: 10.2 | train_step_timing in s: 4.5",
            "120 ~ 1.233 ~ - ~ 0.03146 ~ Training epoch 2, iteration 20/149 | lr: 3e-05 | consumed_samples: 121 | global_batch_size: 1 | global_step: 120 | reduced_train_loss: 1.233 | train_step_timing in s: 0.03146 | val_loss: 4.106",
            "794 ~ 3.090 ~ - ~ - ~ Epoch 0:   1%|          | 795/77225 [9:07:58<878:01:48, 41.36s/it, loss=3.1, v_num=, reduced_train_loss=3.090, global_step=794.0, consumed_samples=1.63e+6]",
            "14 ~ 3.24405 ~ 0.8319 ~ - ~ [rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - \u001b[31mstep: 14  \u001b[32mloss:  3.24405  \u001b[38;2;180;60;0mgrad_norm:  0.8319  \u001b[38;2;54;234;195mmemory:  9.46GiB(64.99%)  \u001b[34mtps: 7,282  \u001b[36mtflops: 0.52  \u001b[35mmfu: 0.17%\u001b[39m",
            "7 ~ NaN ~ - ~ - ~ step=7 train_loss=nan"})
    void readsWhatTrainersPrint(long step, double loss, Double norm, Double seconds, String line) {
        Progress progress = Progress.parse(line).orElseThrow();
        assertThat(progress.point().step()).isEqualTo(step);
        assertThat(progress.point().loss()).hasValue(loss);
        if (norm != null) {
            assertThat(progress.point().gradientNorm()).hasValue(norm);
        }
        if (seconds != null) {
            assertThat(progress.stepSeconds().orElseThrow()).isCloseTo(seconds,
                    org.assertj.core.data.Offset.offset(1e-9));
        }
    }

    /** Real lines; what other trainers print, and people write, is left to those who look at whole logs. */
    @ParameterizedTest
    @CsvSource(delimiter = '~', nullValues = "-", value = {
            "1 ~ 6.0E-4 ~ Training epoch 0, iteration 0/9 | lr: 0.0006 | consumed_samples: 32 | global_batch_size: 32 | global_step: 0 | reduced_train_loss: 11.02",
            "14 ~ - ~ [rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: 14  loss:  3.24405  grad_norm:  0.8319  memory:  9.46GiB(64.99%)  tps: 7,282  tflops: 0.52  mfu: 0.17%",
            "200 ~ - ~ [rank0]:[titan] 2025-06-16 22:30:50,322 - root - INFO - step: 200  loss:  6.1384  memory: 49.66GiB(52.28%)  tps: 5,856  tflops: 339.16  mfu: 34.29%",
            "- ~ - ~ [rank0]:[titan] 2025-06-16 22:30:50,758 - root - INFO - Dumping profiler traces at step 200",
            "- ~ - ~ step 7 train_loss=2.5", "- ~ - ~ RuntimeError: loss 3.5 at step 7 is too high"})
    void countsTheStepsThatNemoAndTorchtitanHaveDone(Long done, Double rate, String line) {
        Optional<Progress> progress = Progress.ofNemoOrTorchtitan(line);
        assertThat(progress.map(Progress::doneSteps)).isEqualTo(Optional.ofNullable(done));
        progress.ifPresent(p -> assertThat(p.learningRate())
                .isEqualTo(rate == null ? OptionalDouble.empty() : OptionalDouble.of(rate)));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "", "step 10", "loss 3.2", "step 10: val loss 3.2", "step 10: train loss 3.1, val loss 3.2",
            "validation loss at iteration 10 | lm loss value: 3.2E+00 |",
            "step 10 loss 3.2.1", "step 12abc loss 3.2", "glossary step 3 x",
            "iteration 120/ 1000 | lm loss: 6.5E+"})
    void isNotTakenInByOtherLines(String line) {
        assertThat(Progress.parse(line)).isEmpty();
    }
}

package io.longhaul.monitor.watch;

import static org.assertj.core.api.Assertions.assertThat;

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

    @ParameterizedTest
    @ValueSource(strings = {
            "", "step 10", "loss 3.2", "step 10: val loss 3.2",
            "validation loss at iteration 10 | lm loss value: 3.2E+00 |",
            "step 10 loss 3.2.1", "step 12abc loss 3.2", "glossary step 3 x",
            "iteration 120/ 1000 | lm loss: 6.5E+"})
    void isNotTakenInByOtherLines(String line) {
        assertThat(Progress.parse(line)).isEmpty();
    }
}

package io.longhaul.laws;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ScheduleArgumentsTest {
    @Test
    void megatronHoldsThenDecays() {
        assertThat(String.join(" ", ScheduleArguments.megatron(new ScheduleShape(1e-3, 1e-4, 20, 300, 600))))
                .isEqualTo(
                        "--override-opt_param-scheduler --lr 0.001 --min-lr 0.0001 --lr-warmup-iters 20 --lr-decay-style WSD"
                                + " --lr-decay-iters 600 --lr-wsd-decay-iters 300 --lr-wsd-decay-style linear");
        assertThat(String.join(" ", ScheduleArguments.megatron(new ScheduleShape(3e-5, 3e-5, 20, 600, 600))))
                .isEqualTo(
                        "--override-opt_param-scheduler --lr 3e-05 --min-lr 3e-05 --lr-warmup-iters 20 --lr-decay-style"
                                + " constant --lr-decay-iters 600");
    }

    @Test
    void deepSpeedSaysWhatItCanAndWhatItCannot() {
        assertThat(ScheduleArguments.deepSpeed(new ScheduleShape(1e-3, 0, 20, 20, 600))).isEqualTo(
                "{\"scheduler\": {\"type\": \"WarmupDecayLR\", \"params\": {\"warmup_min_lr\": 0, \"warmup_max_lr\": 0.001,"
                        + " \"warmup_num_steps\": 20, \"warmup_type\": \"linear\", \"total_num_steps\": 600}}}");
        assertThat(ScheduleArguments.deepSpeed(new ScheduleShape(1e-3, 1e-3, 20, 600, 600)))
                .contains("\"WarmupLR\"");
        assertThat(ScheduleArguments.deepSpeed(new ScheduleShape(1e-3, 0, 20, 300, 600)))
                .contains(
                        "LambdaLR(optimizer, lambda step: 0 + (1 - 0) * min(1, max(0, (600 - step) / 300)))");
    }
}

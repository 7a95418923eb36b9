package io.longhaul.orchestrator.cli.plan;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AttemptLogTest {
    private static final String MEGATRON = """
            ------------------------ arguments ------------------------
              context_parallel_size ........................... 1
              fp16 ............................................ False
              fp8 ............................................. None
              global_batch_size ............................... 96
              micro_batch_size ................................ 2
              pipeline_model_parallel_size .................... 2
              recompute_granularity ........................... selective
              sequence_parallel ............................... True
              tensor_model_parallel_size ...................... 4
              use_distributed_optimizer ....................... True
              virtual_pipeline_model_parallel_size ............ 3
              world_size ...................................... 64
            -------------------- end of arguments ---------------------
             [2026-01-01 00:00:00] iteration        1/   10 | elapsed time per iteration (ms): 9000.0 | lm loss: 1.1E+01 |
             [2026-01-01 00:00:09] iteration        2/   10 | elapsed time per iteration (ms): 1500.5 | lm loss: 1.1E+01 |
            [Rank 3] (after 2 iterations) memory (MB) | allocated: 20000.0 | max allocated: 30000.0 | reserved: 39000.0 | max reserved: 40000.0
            [Rank 0] (after 2 iterations) memory (MB) | allocated: 20000.0 | max allocated: 30000.0 | reserved: 38000.0 | max reserved: 39000.0
             [2026-01-01 00:00:11] iteration        3/   10 | elapsed time per iteration (ms): 1400.0 | lm loss: 1.0E+01 |
             [2026-01-01 00:00:12] iteration        4/   10 | elapsed time per iteration (ms): 1600.0 | lm loss: 1.0E+01 |
            """;

    @Test
    void megatronTellsLayoutTimesAndMemory() {
        AttemptLog log = AttemptLog.read(MEGATRON.lines());
        assertThat(log.layout().orElseThrow()).hasToString("tp4 pp2x3 dp8 b2 recompute-selective zero1");
        assertThat(log.layout().orElseThrow().globalBatch()).isEqualTo(96);
        assertThat(log.stepSeconds()).as("without the first").hasValue(1.5005);
        assertThat(log.peakBytes()).as("of the fullest rank").hasValue(40_000.0 * (1 << 20));
    }

    @Test
    void deepSpeedTellsTimesAndMemory() {
        AttemptLog log = AttemptLog
                .read("""
                        [2026-01-01 00:00:00,000] [INFO] [utils.py:806:see_memory_usage] MA 1.5 GB         Max_MA 2.0 GB         CA 3.0 GB         Max_CA 4 GB
                        steps: 1 loss: 11.0 iter time (s): 7.5 samples/sec: 8.0
                        steps: 2 loss: 11.0 iter time (s): 2.5 samples/sec: 8.0
                        steps: 3 loss: 11.0 iter time (s): 2.0 samples/sec: 8.0
                        steps: 4 loss: 11.0 iter time (s): 2.6 samples/sec: 8.0
                        """
                        .lines());
        assertThat(log.layout()).isEmpty();
        assertThat(log.stepSeconds()).hasValue(2.5);
        assertThat(log.peakBytes()).hasValue(4.0 * (1 << 30));
    }

    @Test
    void aLogThatTellsNothingTellsNothing() {
        AttemptLog log = AttemptLog
                .read("x ..... y\nworld_size ....... 0\nelapsed time per iteration (ms): nan".lines());
        assertThat(log.layout()).isEmpty();
        assertThat(log.stepSeconds()).isEmpty();
        assertThat(log.peakBytes()).isEmpty();
    }

    @Test
    void argumentsThatMakeNoLayoutAreNone() {
        assertThat(AttemptLog.read(MEGATRON.replace("..... 64", "..... 63").lines()).layout()).isEmpty();
        assertThat(AttemptLog.read(MEGATRON.replace("..... 96", "..... 97").lines()).layout()).isEmpty();
    }
}

package io.longhaul.monitor.log;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.log.RootCause.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LogRulesTest {
    private static final String WATCHDOG = "[rank0]:[E ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7)";
    private static final String XID_79 = "NVRM: Xid (PCI:0000:4b:00): 79, pid=1, GPU has fallen off the bus.";

    private final LogRules rules = LogRules.builtIn();

    @ParameterizedTest
    @CsvSource(delimiter = '~', value = {
            "hw.gpu_lost ~ NVRM: Xid (PCI:0000:4b:00): 79, pid=1, GPU has fallen off the bus.",
            "hw.ecc_uncorrectable ~ NVRM: Xid (PCI:0000:4b:00): 48, DBE (double bit error)",
            "hw.ecc_row_remap_pending ~ NVRM: Xid (PCI:0000:4b:00): 63, Row Remapper: New row marked for remapping",
            "hw.gpu_secondary ~ NVRM: Xid (PCI:0000:4b:00): 45, pid=1, Ch 00000001",
            "hw.gpu_reset_required ~ NVRM: Xid (PCI:0000:4b:00): 62, PMU halt",
            "sw.gpu_kernel_fault ~ RuntimeError: CUDA error: an illegal memory access was encountered",
            "sw.device_assert ~ RuntimeError: CUDA error: device-side assert triggered",
            "mem.cuda_oom ~ torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
            "mem.host_oom ~ Memory cgroup out of memory: Killed process 1234 (python3)",
            "storage.full ~ OSError: [Errno 28] No space left on device",
            "num.nan ~ iteration 7/ 10 | lm loss: nan | grad norm: 1.0 |",
            "benign.progress ~ iteration 7/ 10 | lm loss: 2.1E+00 | grad norm: 1.0 |",
            "comm.port_in_use ~ OSError: [Errno 98] Address already in use",
            "sched.time_limit ~ slurmstepd: error: *** JOB 1 ON a CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
            "user.code ~ ModuleNotFoundError: No module named 'apex'"})
    void knowsWhatAProgramPrints(String label, String line) {
        assertThat(rules.match(line).map(r -> r.label().name())).contains(label);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
            "node7:1:2 [0] NCCL INFO Connected all rings",
            "[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768",
            "mlx5_core 0000:41:00.0 enp65s0f0np0: Link up",
            "saving checkpoint at iteration 500 to /checkpoints",
            "successfully loaded checkpoint from /checkpoints at iteration 500",
            ""})
    void isSilentOnBenignLines(String line) {
        assertThat(rules.match(line).filter(LogRule::fault)).isEmpty();
    }

    @Test
    void theFirstCauseWinsAcrossRanksAndLateKernelLinesBeatWorkers() {
        RootCause cause = new RootCause(rules);
        cause.accept(5, Stream.WORKER, 3, WATCHDOG);
        assertThat(cause.blamed().orElseThrow().rank()).isEqualTo(3);
        cause.accept(9, Stream.WORKER, 1, "RuntimeError: CUDA error: unspecified launch failure");
        cause.accept(2, Stream.WORKER, 2,
                "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.");
        assertThat(cause.blamed().orElseThrow().rank()).isEqualTo(1);
        cause.accept(12, Stream.KERNEL, 4, XID_79);
        RootCause.Line line = cause.blamed().orElseThrow();
        assertThat(line.rank()).isEqualTo(4);
        assertThat(line.rule().label().suspect()).isEqualTo(Suspect.NODE);
    }

    @Test
    void everyRuleSaysWhereItComesFrom() {
        assertThat(rules.all()).allSatisfy(r -> assertThat(r.source()).isNotBlank()).hasSizeGreaterThan(80);
    }
}

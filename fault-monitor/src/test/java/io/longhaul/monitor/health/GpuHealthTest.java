package io.longhaul.monitor.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.log.LogLabel.Suspect;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GpuHealthTest {
    private static final Instant START = Instant.parse("2026-11-25T08:00:00Z");

    private final GpuHealth health = new GpuHealth(GpuLimits.usual());

    private List<String> read(long second, GpuField field, double value) {
        return health.onReadings(START.plusSeconds(second), List.of(new GpuReading(3, field, value)))
                .stream()
                .map(event -> event.rule().label().name())
                .toList();
    }

    /** Limits and what they mean: notes on DCGM's health checks (NVIDIA/DCGM 72fa3fea). */
    @ParameterizedTest
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            field, before, seconds, after, label
            XID, 0, 10, 79, hw.gpu_lost
            XID, 0, 10, 48, hw.ecc_uncorrectable
            XID, 31, 10, 74, hw.nvlink
            XID, 79, 10, 79, none
            XID, 0, 10, 45, hw.gpu_secondary
            DOUBLE_BIT_ERRORS, 0, 10, 1, hw.ecc_uncorrectable
            REMAP_FAILED, 0, 10, 1, hw.ecc_uncorrectable
            REMAP_PENDING, 0, 10, 1, hw.ecc_row_remap_pending
            REMAPPED_ROWS, 3, 10, 511, none
            REMAPPED_ROWS, 3, 10, 512, hw.ecc_uncorrectable
            RETIRED_PAGES, 14, 86400, 16, hw.ecc_uncorrectable
            RETIRED_PAGES, 15, 86400, 16, none
            RETIRED_PAGES, 10, 86400, 15, none
            NVLINK_REPLAYS, 5, 60, 6, hw.nvlink
            NVLINK_REPLAYS, 5, 120, 6, none
            NVLINK_RECOVERIES, 0, 30, 9, none
            NVLINK_FLIT_ERRORS, 0, 60, 5999, none
            NVLINK_DATA_ERRORS, 0, 60, 6000, hw.nvlink
            PCIE_REPLAYS, 0, 60, 61, none
            PCIE_REPLAYS, 0, 60, 62, hw.pcie
            CLOCK_REASONS, 64, 58, 64, none
            CLOCK_REASONS, 64, 60, 64, hw.thermal
            CLOCK_REASONS, 8, 60, 8, hw.thermal
            CLOCK_REASONS, 136, 60, 136, hw.power
            CLOCK_REASONS, 4, 60, 4, none
            """)
    void knowsWhenACounterTellsOfAFault(GpuField field, double before, long seconds, double after,
            String label) {
        List<String> first = read(0, field, before);
        List<String> found = read(seconds, field, after);
        assertThat(first).isEmpty();
        assertThat(found).isEqualTo(label.equals("none") ? List.of() : List.of(label));
        assertThat(read(seconds + 1, field, after)).as("told once").isEmpty();
    }

    @Test
    void whatCondemnsAGpuIsToldAlsoIfItWasThereBefore() {
        assertThat(read(0, GpuField.REMAP_FAILED, 1)).containsExactly("hw.ecc_uncorrectable");
        assertThat(read(0, GpuField.XID, 79)).as("an XID of an earlier job").isEmpty();
    }

    @Test
    void aBrakeThatLetsGoInBetweenIsNone() {
        read(0, GpuField.CLOCK_REASONS, 0x40);
        read(50, GpuField.CLOCK_REASONS, 0);
        read(55, GpuField.CLOCK_REASONS, 0x40);
        assertThat(read(110, GpuField.CLOCK_REASONS, 0x40)).isEmpty();
        assertThat(read(115, GpuField.TEMPERATURE, 60)).as("other news come while the brake holds")
                .containsExactly("hw.thermal");
    }

    @Test
    void slowerLinksOfPciExpressMayReplayLess() {
        health.onReadings(START, List.of(new GpuReading(3, GpuField.PCIE_GENERATION, 4),
                new GpuReading(3, GpuField.PCIE_WIDTH, 8), new GpuReading(3, GpuField.PCIE_REPLAYS, 0)));
        // 1e-12 errors per bit at 16e9 bits per second on 8 lanes: 7.68 a minute.
        assertThat(read(60, GpuField.PCIE_REPLAYS, 8)).containsExactly("hw.pcie");
    }

    @Test
    void readingsThatComeLateAreLeftOut() {
        read(100, GpuField.XID, 0);
        assertThat(read(50, GpuField.XID, 79)).isEmpty();
        assertThat(read(150, GpuField.XID, 79)).containsExactly("hw.gpu_lost");
    }

    @Test
    void aHealthyGpuIsNeverAccused() {
        SplittableRandom random = new SplittableRandom(1);
        List<HealthEvent> events = new ArrayList<>();
        double replays = 0;
        for (int second = 0; second < 30 * 24 * 3600; second += 30) {
            replays += random.nextInt(3);
            events.addAll(health.onReadings(START.plusSeconds(second),
                    List.of(new GpuReading(0, GpuField.XID, 0),
                            new GpuReading(0, GpuField.DOUBLE_BIT_ERRORS, 0),
                            new GpuReading(0, GpuField.REMAPPED_ROWS, 2),
                            new GpuReading(0, GpuField.RETIRED_PAGES, 9),
                            new GpuReading(0, GpuField.PCIE_REPLAYS, replays),
                            new GpuReading(0, GpuField.NVLINK_DATA_ERRORS, replays),
                            // Power capping is how a GPU works; heat comes and goes.
                            new GpuReading(0, GpuField.CLOCK_REASONS, second % 120 < 60 ? 0x44 : 0x4),
                            new GpuReading(0, GpuField.TEMPERATURE, 60 + random.nextInt(20)))));
        }
        assertThat(events).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', useHeadersInDisplayName = true, textBlock = """
            type | status | label | suspect
            KernelDeadlock | True | hw.cpu_lockup | NODE
            KernelDeadlock | False | none |
            MemoryPressure | True | mem.host_oom | NONE
            DiskPressure | True | storage.full | STORAGE
            Ready | False | none |
            AcceleratedHardwareReady | False | hw.gpu_reset_required | NODE
            GpuXidError | True | hw.gpu_reset_required | NODE
            GPUProblem | True | hw.gpu_reset_required | NODE
            NVLinkStatusInactiveError | True | hw.nvlink | NODE
            IBLinkFlapping | True | net.ib_link | NETWORK
            IBDeviceDown | Unknown | none |
            SomethingElse | True | none |
            """)
    void knowsTheConditionsOfNodes(String type, String status, String label, Suspect suspect) {
        var trouble = new NodeCondition(type, status, "Because", "of it").trouble();
        assertThat(trouble.map(t -> t.rule().label().name()).orElse("none")).isEqualTo(label);
        assertThat(trouble.map(t -> t.rule().label().suspect()).orElse(null)).isEqualTo(suspect);
        trouble.ifPresent(t -> assertThat(t.text()).endsWith(": Because, of it"));
    }
}

package io.longhaul.monitor.health;

import java.time.Duration;

/**
 * From when on a GPU's counters tell of a fault.
 *
 * @param remappedRows rows remapped for uncorrectable errors
 * @param retiredPages pages retired for double-bit errors that are tolerated, if no more than one comes within a week
 * @param nvlinkErrorsPerMinute replays or recoveries of links
 * @param nvlinkCrcPerSecond checksum errors of links
 * @param pcieBitErrors bit errors per bit and lane
 * @param brakeLasts how long clocks must be held down by heat or power before it counts: two scrapes of 30 s
 */
public record GpuLimits(
        int remappedRows,
        int retiredPages,
        double nvlinkErrorsPerMinute,
        double nvlinkCrcPerSecond,
        double pcieBitErrors,
        Duration brakeLasts) {
    public GpuLimits {
        if (remappedRows < 1 || retiredPages < 0 || !(nvlinkErrorsPerMinute > 0) || !(nvlinkCrcPerSecond > 0)
                || !(pcieBitErrors > 0) || brakeLasts.isNegative()) {
            throw new IllegalArgumentException(
                    "needs remappedRows >= 1, retiredPages >= 0, rates > 0 and brakeLasts >= 0, got "
                            + remappedRows + ", " + retiredPages + ", " + nvlinkErrorsPerMinute + ", "
                            + nvlinkCrcPerSecond + ", " + pcieBitErrors + " and " + brakeLasts);
        }
    }

    /**
     * Those of DCGM's own health checks.
     *
     * @see <a href="https://github.com/NVIDIA/DCGM">NVIDIA/DCGM 72fa3fea, modules/health and nvvs: DCGM_LIMIT_MAX_*</a>
     */
    public static GpuLimits usual() {
        return new GpuLimits(512, 15, 1, 100, 1e-12, Duration.ofSeconds(60));
    }
}

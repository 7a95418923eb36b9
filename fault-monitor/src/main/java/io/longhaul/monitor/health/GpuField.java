package io.longhaul.monitor.health;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Fields of a GPU that tell of its health, with their DCGM identifiers.
 *
 * @see <a href="https://github.com/NVIDIA/DCGM/blob/master/dcgmlib/dcgm_fields.h">NVIDIA/DCGM, dcgm_fields.h</a>
 */
public enum GpuField {
    /** MHz. */
    SM_CLOCK(100, "DCGM_FI_DEV_SM_CLOCK"),
    /** Bits of {@code nvmlClocksEventReasons}. */
    CLOCK_REASONS(112, "DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"),
    /** Degrees Celsius, as are all temperatures. */
    MEMORY_TEMPERATURE(140, "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", "DCGM_FI_DEV_MEMORY_TEMP"), TEMPERATURE(150,
            "DCGM_FI_DEV_GPU_TEMP_CELSIUS", "DCGM_FI_DEV_GPU_TEMP"), MEMORY_MAX_TEMPERATURE(151,
                    "DCGM_FI_DEV_MEMORY_MAX_OP_TEMP_CELSIUS",
                    "DCGM_FI_DEV_MEM_MAX_OP_TEMP"), SLOWDOWN_TEMPERATURE(158,
                            "DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS", "DCGM_FI_DEV_SLOWDOWN_TEMP"),
    /** Watts. */
    POWER(155, "DCGM_FI_DEV_BOARD_POWER_WATTS", "DCGM_FI_DEV_POWER_USAGE"),
    /** Packets that were sent again. */
    PCIE_REPLAYS(202, "DCGM_FI_DEV_PCIE_REPLAY_TOTAL", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"),
    /** Number of the newest XID error. */
    XID(230, "DCGM_FI_DEV_XID_ERROR", "DCGM_FI_DEV_XID_ERRORS"), PCIE_GENERATION(237,
            "DCGM_FI_DEV_PCIE_LINK_GEN"),
    /** Lanes. */
    PCIE_WIDTH(238, "DCGM_FI_DEV_PCIE_LINK_WIDTH"),
    /** Double-bit errors since the driver was loaded. */
    DOUBLE_BIT_ERRORS(311, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"),
    /** Pages retired for double-bit errors, in the GPU's life. */
    RETIRED_PAGES(391, "DCGM_FI_DEV_PAGE_RETIRED_DBE_TOTAL", "DCGM_FI_DEV_RETIRED_DBE"),
    /** Rows remapped for uncorrectable errors, in the GPU's life. */
    REMAPPED_ROWS(393, "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL",
            "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"), REMAP_FAILED(395, "DCGM_FI_DEV_ROW_REMAP_FAILED",
                    "DCGM_FI_DEV_ROW_REMAP_FAILURE"), REMAP_PENDING(396, "DCGM_FI_DEV_ROW_REMAP_PENDING"),
    /** Counts over all links. */
    NVLINK_FLIT_ERRORS(409, "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_TOTAL",
            "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL"), NVLINK_DATA_ERRORS(419,
                    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_TOTAL",
                    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL"), NVLINK_REPLAYS(429,
                            "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_TOTAL",
                            "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL"), NVLINK_RECOVERIES(439,
                                    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_TOTAL",
                                    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL");

    private static final Map<String, GpuField> BY_NAME = new HashMap<>();

    static {
        for (GpuField field : values()) {
            BY_NAME.put(field.dcgmName, field);
            BY_NAME.put(field.olderName, field);
        }
    }

    private final int id;
    private final String dcgmName;
    private final String olderName;

    GpuField(int id, String dcgmName) {
        this(id, dcgmName, dcgmName);
    }

    GpuField(int id, String dcgmName, String olderName) {
        this.id = id;
        this.dcgmName = dcgmName;
        this.olderName = olderName;
    }

    /** The field of a name, today's or an older one; empty for fields that say nothing of health. */
    public static Optional<GpuField> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** Number of the field in DCGM. */
    public int id() {
        return id;
    }

    public String dcgmName() {
        return dcgmName;
    }
}

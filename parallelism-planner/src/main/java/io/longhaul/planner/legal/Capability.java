package io.longhaul.planner.legal;

import java.util.Locale;
import java.util.Map;

/** NVIDIA's compute capability by device name (CUDA C programming guide, appendix on compute capabilities). */
public final class Capability {
    private static final Map<String, Integer> BY_PREFIX = Map.ofEntries(
            Map.entry("V100", 70), Map.entry("T4", 75), Map.entry("A100", 80), Map.entry("A800", 80),
            Map.entry("A10", 86), Map.entry("A40", 86), Map.entry("A6000", 86), Map.entry("L4", 89),
            Map.entry("L40", 89), Map.entry("H100", 90), Map.entry("H800", 90), Map.entry("H20", 90),
            Map.entry("H200", 90), Map.entry("GH200", 90), Map.entry("B100", 100), Map.entry("B200", 100),
            Map.entry("GB200", 100), Map.entry("B300", 103), Map.entry("GB300", 103));

    private Capability() {}

    /** Ten times the capability, 0 for a device that has none or is not known. */
    public static int of(String device) {
        String first = device.toUpperCase(Locale.ROOT).split("[^A-Z0-9]", 2)[0];
        return BY_PREFIX.getOrDefault(first, 0);
    }
}

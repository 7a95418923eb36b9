package io.longhaul.planner.cluster;

import java.util.Map;
import java.util.OptionalDouble;

/** Power of one device at full load by its maker's data sheet, in watts, without its share of the node. */
public final class BoardPower {
    private static final Map<String, Integer> WATTS = Map.ofEntries(
            Map.entry("V100-SXM-16GB", 300), Map.entry("V100-SXM-32GB", 300),
            Map.entry("V100-SXM3-32GB", 350), Map.entry("A100-SXM-40GB", 400),
            Map.entry("A100-SXM-80GB", 400), Map.entry("A100-PCIe-80GB", 300),
            Map.entry("A800-SXM-80GB", 400), Map.entry("H100-SXM-80GB", 700),
            Map.entry("H100-PCIe-80GB", 350), Map.entry("H100-SXM-96GB", 700),
            Map.entry("GH200-96GB", 1000), Map.entry("H200-SXM-141GB", 700),
            Map.entry("H800-SXM-80GB", 700), Map.entry("H20-96GB", 400), Map.entry("B200-SXM-180GB", 1000),
            Map.entry("B300-SXM-270GB", 1400), Map.entry("GB200-NVL72", 1200),
            Map.entry("GB300-NVL72", 1400), Map.entry("MI250X-GCD", 280), Map.entry("MI300X", 750),
            Map.entry("MI325X", 1000), Map.entry("MI350X", 1000), Map.entry("MI355X", 1400));

    private BoardPower() {}

    /** Empty if the maker does not say. */
    public static OptionalDouble watts(Accelerator device) {
        Integer watts = WATTS.get(device.name());
        return watts == null ? OptionalDouble.empty() : OptionalDouble.of(watts);
    }
}

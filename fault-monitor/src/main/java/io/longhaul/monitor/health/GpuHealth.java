package io.longhaul.monitor.health;

import io.longhaul.monitor.log.LogRules;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Watches the GPUs of one node by what DCGM says of them.
 *
 * <p>Errors that were there before the first reading say nothing of the job, but for those that condemn a GPU whenever
 * they came: double-bit errors, rows that could not be remapped. Rates are taken over a minute and more. Every trouble of a GPU
 * is told once; XID errors each time that their number changes.
 *
 * <p>What is not seen: XID errors between two readings but the newest, and a GPU that is slow without a reason that DCGM
 * names; the kernel's log and the comparison of ranks see those.
 */
public final class GpuHealth {
    private static final Duration RATE = Duration.ofMinutes(1);
    private static final Duration WEEK = Duration.ofDays(7);
    /** nvml.h: nvmlClocksEventReasonHwSlowdown, SwThermalSlowdown, HwThermalSlowdown, HwPowerBrakeSlowdown. */
    private static final long HW_SLOWDOWN = 0x8;
    private static final long THERMAL = 0x20 | 0x40;
    private static final long POWER_BRAKE = 0x80;
    /** 10^9 bits per second and lane by generation, from PCI Express 1.0 on. */
    private static final double[] PCIE_GIGABITS = {2.5, 5, 8, 16, 32, 64};

    private final GpuLimits limits;
    private final LogRules rules = LogRules.builtIn();
    private final Map<Integer, Gpu> gpus = new TreeMap<>();

    public GpuHealth(GpuLimits limits) {
        this.limits = limits;
    }

    /**
     * Takes in what was read at once; of fields that are not among it the last value holds.
     *
     * @param at not before that of the last call; else nothing is taken in
     */
    public List<HealthEvent> onReadings(Instant at, List<GpuReading> readings) {
        Map<Integer, List<GpuReading>> byGpu = new TreeMap<>();
        readings.forEach(
                reading -> byGpu.computeIfAbsent(reading.gpu(), gpu -> new ArrayList<>()).add(reading));
        List<HealthEvent> events = new ArrayList<>(0);
        byGpu.forEach((gpu, news) -> gpus.computeIfAbsent(gpu, Gpu::new).read(at, news, events));
        return events;
    }

    private record Mark(Instant at, double value) {}

    private final class Gpu {
        private final int number;
        private final Map<GpuField, Double> values = new EnumMap<>(GpuField.class);
        private final Map<GpuField, Mark> marks = new EnumMap<>(GpuField.class);
        private final Set<String> told = new HashSet<>();
        private final Map<String, Instant> since = new HashMap<>();
        private Instant last = Instant.MIN;

        Gpu(int number) {
            this.number = number;
        }

        void read(Instant at, List<GpuReading> news, List<HealthEvent> events) {
            if (at.isBefore(last)) {
                return;
            }
            last = at;
            Double xidBefore = values.get(GpuField.XID);
            news.forEach(reading -> values.put(reading.field(), reading.value()));
            xid(xidBefore, events);
            memory(at, events);
            links(at, events);
            brakes(at, events);
        }

        private double value(GpuField field) {
            return values.getOrDefault(field, Double.NaN);
        }

        private void xid(@Nullable Double before, List<HealthEvent> events) {
            double now = value(GpuField.XID);
            if (before != null && now > 0 && now != before) {
                // As the driver writes it, so that one table of numbers serves both.
                rules.match("NVRM: Xid (GPU " + number + "): " + (long) now)
                        .ifPresent(rule -> events.add(new HealthEvent(rule,
                                "XID " + (long) now + " of GPU " + number + ", as DCGM saw it")));
            }
        }

        private void memory(Instant at, List<HealthEvent> events) {
            double errors = value(GpuField.DOUBLE_BIT_ERRORS);
            tell(errors > 0, "hw.ecc_uncorrectable", "double-bit errors", events,
                    (long) errors + " double-bit errors since the driver was loaded");
            tell(value(GpuField.REMAP_FAILED) > 0, "hw.ecc_uncorrectable", "remap failed", events,
                    "a row of its memory could not be remapped");
            double rows = value(GpuField.REMAPPED_ROWS);
            tell(rows >= limits.remappedRows(), "hw.ecc_uncorrectable", "remapped rows", events,
                    (long) rows + " rows remapped for uncorrectable errors, limit " + limits.remappedRows());
            double pages = value(GpuField.RETIRED_PAGES);
            double newPages = growth(GpuField.RETIRED_PAGES, at, WEEK);
            tell(pages > limits.retiredPages() && newPages > 1, "hw.ecc_uncorrectable", "retired pages",
                    events,
                    (long) pages + " pages retired for double-bit errors, limit " + limits.retiredPages()
                            + ", and " + (long) newPages + " of them within a week");
            tell(value(GpuField.REMAP_PENDING) > 0, "hw.ecc_row_remap_pending", "remap pending", events,
                    "a row of its memory waits for a reset to be remapped");
        }

        private void links(Instant at, List<HealthEvent> events) {
            for (GpuField field : List.of(GpuField.NVLINK_REPLAYS, GpuField.NVLINK_RECOVERIES)) {
                rate(field, at, 60, limits.nvlinkErrorsPerMinute(), "hw.nvlink", "per minute", events);
            }
            for (GpuField field : List.of(GpuField.NVLINK_FLIT_ERRORS, GpuField.NVLINK_DATA_ERRORS)) {
                rate(field, at, 1, limits.nvlinkCrcPerSecond(), "hw.nvlink", "per second", events);
            }
            // Of a link that is not known the fastest is assumed, which may have the most errors.
            double generation = values.getOrDefault(GpuField.PCIE_GENERATION, (double) PCIE_GIGABITS.length);
            double lanes = values.getOrDefault(GpuField.PCIE_WIDTH, 16.0);
            int known = (int) Math.clamp(generation, 1, PCIE_GIGABITS.length);
            double perMinute = limits.pcieBitErrors() * PCIE_GIGABITS[known - 1] * 1e9 * Math.max(1, lanes)
                    * 60;
            rate(GpuField.PCIE_REPLAYS, at, 60, perMinute, "hw.pcie", "per minute", events);
        }

        private void rate(GpuField field, Instant at, double perSeconds, double limit, String label,
                String unit,
                List<HealthEvent> events) {
            double value = value(field);
            Mark mark = marks.get(field);
            if (Double.isNaN(value)) {
                return;
            }
            if (mark == null || value < mark.value) {
                marks.put(field, new Mark(at, value));
                return;
            }
            Duration passed = Duration.between(mark.at, at);
            if (passed.compareTo(RATE) < 0) {
                return;
            }
            double rate = (value - mark.value) / passed.toSeconds() * perSeconds;
            marks.put(field, new Mark(at, value));
            tell(rate >= limit, label, field.dcgmName(), events,
                    String.format(Locale.ROOT, "%s grows by %.4g %s, limit %.4g", field.dcgmName(), rate,
                            unit,
                            limit));
        }

        /** How much a counter has grown within a time, as far as it was watched. */
        private double growth(GpuField field, Instant at, Duration within) {
            double value = value(field);
            Mark mark = marks.get(field);
            if (!Double.isNaN(value) && (mark == null || value < mark.value
                    || Duration.between(mark.at, at).compareTo(within) > 0)) {
                mark = new Mark(at, value);
                marks.put(field, mark);
            }
            return mark == null ? 0 : value - mark.value;
        }

        private void brakes(Instant at, List<HealthEvent> events) {
            long reasons = (long) values.getOrDefault(GpuField.CLOCK_REASONS, 0.0).doubleValue();
            boolean power = (reasons & POWER_BRAKE) != 0;
            boolean hot = (reasons & THERMAL) != 0 || !power && (reasons & HW_SLOWDOWN) != 0
                    || value(GpuField.TEMPERATURE) >= value(GpuField.SLOWDOWN_TEMPERATURE)
                    || value(GpuField.MEMORY_TEMPERATURE) >= value(GpuField.MEMORY_MAX_TEMPERATURE);
            tell(lasts("power", power, at), "hw.power", "power", events,
                    "its clocks are held down by the power supply" + clocks());
            tell(lasts("heat", hot, at), "hw.thermal", "heat", events,
                    "its clocks are held down by heat" + clocks());
        }

        private boolean lasts(String what, boolean now, Instant at) {
            if (!now) {
                since.remove(what);
                return false;
            }
            Instant begun = since.computeIfAbsent(what, w -> at);
            return Duration.between(begun, at).compareTo(limits.brakeLasts()) >= 0;
        }

        private String clocks() {
            StringBuilder text = new StringBuilder();
            append(text, GpuField.SM_CLOCK, "MHz");
            append(text, GpuField.TEMPERATURE, "C");
            append(text, GpuField.MEMORY_TEMPERATURE, "C in its memory");
            append(text, GpuField.POWER, "W");
            return text.toString();
        }

        private void append(StringBuilder text, GpuField field, String unit) {
            double value = value(field);
            if (!Double.isNaN(value)) {
                text.append(String.format(Locale.ROOT, ", %.0f %s", value, unit));
            }
        }

        private void tell(boolean so, String label, String check, List<HealthEvent> events, String text) {
            if (so && told.add(check)) {
                events.add(new HealthEvent(LogRules.root(label), "GPU " + number + ": " + text));
            }
        }
    }
}

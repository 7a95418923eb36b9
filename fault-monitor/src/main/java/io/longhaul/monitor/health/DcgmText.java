package io.longhaul.monitor.health;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads what a DCGM exporter offers, in the text format of Prometheus. Other metrics, lines that are torn and values that
 * DCGM marks as blank are passed over.
 *
 * @see <a href="https://prometheus.io/docs/instrumenting/exposition_formats/">Prometheus, exposition formats</a>
 */
public final class DcgmText {
    private static final int MOST_CHARACTERS = 4 << 20;
    private static final Pattern LINE = Pattern.compile(
            "^(DCGM_FI_\\w+)\\{([^\\n]*)}[ \\t]+([^\\s]+)", Pattern.MULTILINE);
    private static final Pattern GPU = Pattern.compile("(?:^|,)\\s*gpu=\"(\\d{1,4})\"");
    /** DCGM_INT32_BLANK, DCGM_FP64_BLANK and DCGM_INT64_BLANK of dcgm_structs.h: no value; 16 marks follow each. */
    private static final double[] BLANKS = {0x7ffffff0, 140737488355328.0, 0x7ffffffffffffff0L};
    private static final double BLANK_MARKS = 16;

    private DcgmText() {}

    /** What is said of the health of GPUs, in the order of the text; nothing for a text of more than 4 MiB. */
    public static List<GpuReading> parse(String text) {
        List<GpuReading> readings = new ArrayList<>();
        if (text.length() > MOST_CHARACTERS) {
            return readings;
        }
        Matcher line = LINE.matcher(text);
        while (line.find()) {
            Optional<GpuField> field = GpuField.named(line.group(1));
            Matcher gpu = GPU.matcher(line.group(2));
            double value = value(line.group(3));
            if (field.isPresent() && gpu.find() && Double.isFinite(value)) {
                int index = Integer.parseInt(gpu.group(1));
                if (index < GpuReading.MOST_GPUS) {
                    readings.add(new GpuReading(index, field.get(), value));
                }
            }
        }
        return readings;
    }

    private static double value(String text) {
        try {
            double value = Double.parseDouble(text);
            for (double blank : BLANKS) {
                if (value >= blank && value < blank + BLANK_MARKS || value >= BLANKS[BLANKS.length - 1]) {
                    return Double.NaN;
                }
            }
            return value;
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }
}

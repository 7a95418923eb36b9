package io.longhaul.orchestrator.plan;

import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Constants of one cluster as text: a line each with its name and value; lines that begin with # are for people. */
public final class ConstantsFile {
    private ConstantsFile() {}

    /** @param about one line for people */
    public static String text(Constants constants, String about) {
        return Stream.of(Constant.values())
                .map(c -> String.format(Locale.ROOT, "%s,%.6g", c, constants.of(c)))
                .collect(Collectors.joining("\n", "# " + about + "\nconstant,value\n", "\n"));
    }

    /** @throws IllegalArgumentException with every line that is wrong, or the constants that are missing */
    public static Constants read(String text) {
        double[] offsets = new double[Constant.values().length];
        Set<Constant> missing = EnumSet.allOf(Constant.class);
        List<String> problems = new ArrayList<>();
        List<String> lines = text.lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#") || line.equals("constant,value")) {
                continue;
            }
            String[] fields = line.split(",", -1);
            try {
                Constant constant = Constant.valueOf(fields[0]);
                double value = Double.parseDouble(fields[1]);
                if (fields.length != 2 || !(value > 0) || !Double.isFinite(value)
                        || !missing.remove(constant)) {
                    throw new IllegalArgumentException(line);
                }
                offsets[constant.ordinal()] = Math.log(value / constant.prior());
            } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
                problems.add("line " + (i + 1) + " is " + line
                        + ": allowed is the name of a constant, once, and a value > 0");
            }
        }
        if (problems.isEmpty() && !missing.isEmpty()) {
            problems.add("there is no " + missing + "; longhaul calibrate writes all");
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", problems));
        }
        return Constants.of(offsets);
    }
}

package io.longhaul.orchestrator.cli.laws;

import io.longhaul.laws.Continuation;
import io.longhaul.laws.DecayStyle;
import io.longhaul.orchestrator.cli.laws.Rows.BadDataException;
import io.longhaul.orchestrator.cli.laws.Rows.Row;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A schedule as it is written on the command line: {@code constant}, {@code cosine}, {@code linear},
 * {@code wsd:share=0.2,style=cosine,low=1e-6}, {@code power:batch=256,sequence=4096,share=0.1},
 * {@code rewarm:steps=500,peak=3e-4,share=1}, {@code table:FILE} with columns step and lr.
 */
final class ScheduleText {
    static final String FORMS = "constant | cosine[:low=R] | linear[:low=R] |"
            + " wsd:share=S[,style=linear|cosine|minus_sqrt|exponential][,low=R] | power:batch=SEQUENCES,sequence=TOKENS[,share=S] |"
            + " rewarm:steps=N[,peak=R][,low=R][,share=S] | table:FILE";
    private static final double POWER_A = 4.6;
    private static final double POWER_B = -0.51;

    private ScheduleText() {}

    /**
     * @param rate of the step before {@code from}
     * @param peak highest rate so far
     */
    static Continuation parse(String text, double rate, double peak, int from, int total) {
        String kind = text.contains(":") ? text.substring(0, text.indexOf(':')) : text;
        String rest = text.contains(":") ? text.substring(text.indexOf(':') + 1) : "";
        if (kind.equals("table")) {
            return table(Path.of(rest));
        }
        Map<String, String> given = new LinkedHashMap<>();
        for (String part : rest.isEmpty() ? new String[0] : rest.split(",")) {
            String[] pair = part.split("=", 2);
            if (pair.length < 2) {
                throw new BadDataException("schedule '" + text + "': '" + part + "' must be name=value");
            }
            given.put(pair[0].strip(), pair[1].strip());
        }
        Values values = new Values(text, given);
        return switch (kind) {
            case "constant" -> values.only(Set.of(), new Continuation.Constant(rate));
            case "cosine", "linear" -> values.only(
                    Set.of("low"),
                    new Continuation.Decay(DecayStyle.valueOf(kind.toUpperCase(Locale.ROOT)), rate, from,
                            values.number("low", 0.1 * rate)));
            case "wsd" -> values.only(
                    Set.of("share", "style", "low"),
                    new Continuation.Decay(values.style(), rate, values.start(0.2, from, total),
                            values.number("low", 0)));
            case "power" -> values.only(
                    Set.of("batch", "sequence", "share"),
                    new Continuation.Power(peak, POWER_A * values.number("batch"), POWER_B,
                            values.number("batch") * values.number("sequence"),
                            values.start(0.1, from, total)));
            case "rewarm" -> values.only(
                    Set.of("steps", "peak", "low", "share"),
                    new Continuation.Rewarm(
                            (int) values.number("steps"), rate, values.number("peak", peak),
                            new Continuation.Decay(DecayStyle.LINEAR, values.number("peak", peak),
                                    values.start(1, from, total), values.number("low", 0))));
            default -> throw new BadDataException("schedule '" + text + "' must be one of " + FORMS);
        };
    }

    private static Continuation table(Path file) {
        List<Continuation.Table.Knot> knots = new ArrayList<>();
        for (Row row : Rows.read(file)) {
            knots.add(new Continuation.Table.Knot((int) row.number("step"), row.number("lr")));
        }
        return new Continuation.Table(knots);
    }

    private record Values(String text, Map<String, String> given) {
        Continuation only(Set<String> known, Continuation continuation) {
            for (String name : given.keySet()) {
                if (!known.contains(name)) {
                    throw new BadDataException(
                            "schedule '" + text + "': " + name + " is unknown, "
                                    + known.stream().sorted().toList()
                                    + " may be given");
                }
            }
            return continuation;
        }

        double number(String name) {
            String value = given.getOrDefault(name, "");
            try {
                double number = Double.parseDouble(value);
                if (number >= 0 && Double.isFinite(number)) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // Told below.
            }
            throw new BadDataException(
                    "schedule '" + text + "': " + name + " must be a finite number >= 0, got '" + value
                            + "'");
        }

        double number(String name, double otherwise) {
            return given.containsKey(name) ? number(name) : otherwise;
        }

        /** First step of a decay over a share of the steps that are left. */
        int start(double share, int from, int total) {
            double wanted = number("share", share);
            if (wanted > 1) {
                throw new BadDataException(
                        "schedule '" + text + "': share must lie in [0, 1], got " + wanted);
            }
            return total - (int) Math.round(wanted * (total - from));
        }

        DecayStyle style() {
            String name = given.getOrDefault("style", "linear").toUpperCase(Locale.ROOT);
            for (DecayStyle style : DecayStyle.values()) {
                if (style.name().equals(name)) {
                    return style;
                }
            }
            throw new BadDataException(
                    "schedule '" + text + "': style must be linear, cosine, minus_sqrt or exponential, got '"
                            + given.get("style") + "'");
        }
    }
}

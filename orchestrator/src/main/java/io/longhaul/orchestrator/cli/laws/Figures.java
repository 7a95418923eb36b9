package io.longhaul.orchestrator.cli.laws;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** What a validation found: figures for the summary and one line for every curve or cell, good or bad. */
final class Figures {
    private final PrintStream out;
    private final Map<String, Double> summary = new LinkedHashMap<>();
    private final List<String> curves = new ArrayList<>();

    Figures(PrintStream out) {
        this.out = out;
    }

    void say(String format, Object... values) {
        out.println(String.format(Locale.ROOT, format, values));
    }

    void put(String key, double value) {
        summary.put(key, value);
        say("  %-36s %.6g", key, value);
    }

    /**
     * @param role {@code fit} if the law saw it, {@code test} if not
     * @param error absolute, in nats, or relative where the folder's figure is
     */
    void curve(String folder, String group, String name, String role, int points, double error) {
        curves.add(
                String.format(
                        Locale.ROOT, "%s,%s,%s,%s,%d,%.6g", folder, group.replace(',', ';'),
                        name.replace(',', ';'), role, points, error));
    }

    void write(Path folder) {
        try {
            Files.createDirectories(folder);
            List<String> lines = new ArrayList<>();
            lines.add("folder,group,curve,role,points,error");
            lines.addAll(curves);
            Files.write(folder.resolve("curves.csv"), lines);
            Files.writeString(
                    folder.resolve("summary.json"),
                    new JsonMapper().writerWithDefaultPrettyPrinter().writeValueAsString(summary) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException("figures cannot be written to " + folder, e);
        }
    }
}

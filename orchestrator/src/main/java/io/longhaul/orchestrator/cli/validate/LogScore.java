package io.longhaul.orchestrator.cli.validate;

import io.longhaul.monitor.log.LogRule;
import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.log.RootCause;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The rules for log lines on labelled excerpts and composed incidents.
 *
 * <p>The rules were written with these lines in sight. The cross-validated figure therefore takes away, for each
 * line, every rule that no line of another source supports, unless it comes from a published catalogue or goes by
 * plain words. The choice of those words was not blind either, so that only lines nobody saw are a full test.
 */
final class LogScore {
    private record Snippet(String id, String text, String label, String family, String source) {}

    private LogScore() {}

    static void score(Path directory, Report report) {
        Path file = directory.resolve("logs/log_snippets.csv");
        if (!Csv.exists(file)) {
            report.line("logs: no logs/log_snippets.csv, skipped");
            return;
        }
        LogRules rules = LogRules.builtIn();
        List<Snippet> snippets = new ArrayList<>();
        for (Csv.Row row : Csv.read(file)) {
            snippets.add(
                    new Snippet(
                            row.text("id"), row.text("text"), row.text("label"), row.text("family"),
                            row.text("source").isEmpty() ? row.text("id") : row.text("source")));
        }
        Map<LogRule, Set<String>> support = new HashMap<>();
        for (Snippet s : snippets) {
            rules.all()
                    .stream()
                    .filter(r -> r.label().family().equals(s.family) && r.pattern().matcher(s.text).find())
                    .forEach(r -> support.computeIfAbsent(r, k -> new HashSet<>()).add(s.source));
        }
        int faults = 0;
        int families = 0;
        int labels = 0;
        int known = 0;
        int benign = 0;
        int benignAlarms = 0;
        Map<String, int[]> byFamily = new LinkedHashMap<>();
        for (Snippet s : snippets) {
            Optional<LogRule> rule = rules.match(s.text);
            String said = rule.map(r -> r.label().name()).orElse("nothing");
            if (s.family.equals("benign")) {
                benign++;
                if (rule.isPresent() && rule.get().fault()) {
                    benignAlarms++;
                    report.fault("logs", s.id, "false alarm", said, s.label, s.text);
                }
                continue;
            }
            faults++;
            int[] family = byFamily.computeIfAbsent(s.family, f -> new int[2]);
            family[1]++;
            if (right(rule, s)) {
                families++;
                family[0]++;
            } else {
                report.fault("logs", s.id, "miss", s.label, said, s.text);
            }
            labels += said.equals(s.label) ? 1 : 0;
            known += right(withoutSource(rules, support, s), s) ? 1 : 0;
        }
        report.figure("logs.faults", faults);
        report.figure("logs.family_accuracy", Report.share(families, faults));
        report.figure("logs.label_accuracy", Report.share(labels, faults));
        report.figure("logs.cross_validated.family_accuracy", Report.share(known, faults));
        report.figure("logs.benign", benign);
        report.figure("logs.benign_alarms", benignAlarms);
        report.line(
                "log lines: family right %d/%d (%.3f), label %.3f; with rules known from other sources only %.3f;"
                        + " alarms on benign lines %d/%d",
                families, faults, Report.share(families, faults), Report.share(labels, faults),
                Report.share(known, faults), benignAlarms, benign);
        byFamily.forEach((name, counts) -> report.line("  %-26s %d/%d", name, counts[0], counts[1]));
        incidents(directory, rules, report);
    }

    private static boolean right(Optional<LogRule> rule, Snippet s) {
        return rule.isPresent() && rule.get().fault() && rule.get().label().family().equals(s.family);
    }

    private static Optional<LogRule> withoutSource(LogRules rules, Map<LogRule, Set<String>> support,
            Snippet s) {
        return new LogRules(
                rules.all()
                        .stream()
                        .filter(
                                r -> r.source().matches("(XID catalogue|words|errno|signal).*") || support
                                        .getOrDefault(r, Set.of())
                                        .stream()
                                        .anyMatch(source -> !source.equals(s.source)))
                        .toList())
                .match(s.text);
    }

    private static void incidents(Path directory, LogRules rules, Report report) {
        Path file = directory.resolve("logs/incidents.csv");
        Path labelFile = directory.resolve("logs/incident_labels.csv");
        if (!Csv.exists(file) || !Csv.exists(labelFile)) {
            report.line("incidents: no logs/incidents.csv with labels, skipped");
            return;
        }
        Map<String, RootCause> causes = new HashMap<>();
        for (Csv.Row row : Csv.read(file)) {
            causes.computeIfAbsent(row.text("incident"), i -> new RootCause(rules))
                    .accept(
                            row.number("t_s"), stream(row.text("stream") + row.text("source_stream")),
                            (int) row.number("rank", -1), row.text("text"));
        }
        int total = 0;
        int families = 0;
        int ranks = 0;
        for (Csv.Row row : Csv.read(labelFile)) {
            total++;
            String id = row.text("incident");
            Optional<RootCause.Line> blamed = Optional.ofNullable(causes.get(id)).flatMap(RootCause::blamed);
            boolean rank = blamed.isPresent() && blamed.get().rank() == (int) row.number("culprit_rank", -1);
            ranks += rank ? 1 : 0;
            if (blamed.isPresent() && blamed.get().rule().label().family().equals(row.text("root_family"))) {
                families++;
            }
            if (!rank) {
                report.fault("incidents", id, "miss", row.text("root_label"), row.text("culprit_rank"),
                        blamed.map(b -> b.rank() + ": " + b.text()).orElse("nothing"));
            }
        }
        report.figure("incidents.total", total);
        report.figure("incidents.culprit_found", ranks);
        report.figure("incidents.family_right", families);
        report.line("incidents: culprit found %d/%d, family of the root right %d/%d", ranks, total, families,
                total);
    }

    private static RootCause.Stream stream(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "kernel" -> RootCause.Stream.KERNEL;
            case "scheduler" -> RootCause.Stream.SCHEDULER;
            default -> RootCause.Stream.WORKER;
        };
    }
}

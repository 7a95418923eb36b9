package io.longhaul.orchestrator.cli.validate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Faults of known kind and onset: how many of each kind were found, how late, and what was reported besides. */
final class InjectedTally {
    private final Map<String, List<Double>> latencies = new LinkedHashMap<>();
    private final Map<String, Integer> totals = new LinkedHashMap<>();
    private int falseAlarms;

    void found(String kind, double latency) {
        injected(kind).add(latency);
    }

    void missed(String kind) {
        injected(kind);
    }

    private List<Double> injected(String kind) {
        totals.merge(kind, 1, Integer::sum);
        return latencies.computeIfAbsent(kind, k -> new ArrayList<>());
    }

    void falseAlarm() {
        falseAlarms++;
    }

    /** @param key of the figures, a kind's own below it */
    void print(String title, String key, Report report) {
        report.line("%-28s %9s %8s", title, "found", "latency");
        int foundOfAll = 0;
        int all = 0;
        for (Map.Entry<String, List<Double>> entry : latencies.entrySet()) {
            String kind = entry.getKey();
            List<Double> found = entry.getValue();
            int total = totals.getOrDefault(kind, 0);
            foundOfAll += found.size();
            all += total;
            String of = key + "." + kind.replace(' ', '_');
            report.figure(of + ".found", found.size());
            report.figure(of + ".total", total);
            report.figure(of + ".latency_median", Report.median(found));
            report.line("  %-26s %9s %8.0f", kind, found.size() + "/" + total, Report.median(found));
        }
        report.figure(key + ".found", foundOfAll);
        report.figure(key + ".total", all);
        report.figure(key + ".false_alarms", falseAlarms);
        report.line("  all %d/%d, false alarms %d", foundOfAll, all, falseAlarms);
    }
}

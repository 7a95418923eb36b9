package io.longhaul.monitor;

import io.longhaul.monitor.log.LogRules;
import io.longhaul.monitor.node.Preflight;
import io.longhaul.monitor.node.Preflight.Result;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Gathers the tests of all ranks before an attempt; judged once, when all are there or training begins without the rest. */
final class PreflightFindings {
    private final int ranks;
    private final Map<Integer, Result> results = new TreeMap<>();
    private boolean judged;

    PreflightFindings(int ranks) {
        this.ranks = ranks;
    }

    List<Finding> accept(Signal.Preflight s) {
        Result result = s.result();
        boolean ours = result.rank() >= 0 && result.rank() < ranks && result.node() >= 0
                && result.node() < ranks;
        if (judged || !ours) {
            return List.of();
        }
        results.putIfAbsent(result.rank(), result);
        return results.size() == ranks ? judge(s.at()) : List.of();
    }

    /** Training has begun. */
    List<Finding> begun(Instant at) {
        return judged || results.isEmpty() ? List.of() : judge(at);
    }

    private List<Finding> judge(Instant at) {
        judged = true;
        return Preflight.judge(List.copyOf(results.values()), Preflight.Settings.usual())
                .stream()
                .map(verdict -> Finding
                        .ofNode(at, verdict.node(), LogRules.root(verdict.label()).label(), verdict.text())
                        .withRatio(verdict.times()))
                .toList();
    }
}

package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.response.Action;
import java.util.OptionalInt;
import java.util.Set;

/** How much an incident speaks against the machine that a rank runs on: never more than its evidence. Pure. */
final class MachineBlame {
    /** Condemns a machine. */
    static final double WHOLE = 1;
    /** A rank that is slow: two within a day condemn its machine. */
    private static final double SLOW = 0.6;

    /** What a node may get over, or what slows it only: the same. */
    private static final double PASSING = 0.6;
    private static final Set<String> PASSING_LABELS = Set.of("hw.thermal", "hw.power", "hw.nvlink_nonfatal",
            "hw.ecc_row_remap_pending", "hw.cpu_lockup", "net.peermem");

    private MachineBlame() {}

    /** @return in [0, {@link #WHOLE}] */
    static double weight(Incident incident) {
        boolean replaces = incident.decision().action() == Action.REPLACE_NODE
                && incident.rollbackStep().isPresent();
        return replaces ? WHOLE : weight(incident.decision().basis().finding());
    }

    /** @return in [0, {@link #WHOLE}] */
    static double weight(Finding finding) {
        if (finding.suspect() == Suspect.NODE) {
            boolean runs = finding.kind() == Finding.Kind.NODE_FAULT
                    || finding.kind() == Finding.Kind.FAULT_LINE;
            return runs && PASSING_LABELS.contains(finding.evidence().getOrDefault("label", ""))
                    ? PASSING
                    : WHOLE;
        }
        return finding.kind() == Finding.Kind.SLOW_RANK ? SLOW : 0;
    }

    /** The node that is meant, where the finding names one: by its own kernel or instruments. */
    static OptionalInt node(Finding finding) {
        String node = finding.kind() == Finding.Kind.NODE_FAULT
                ? finding.evidence().get(Responses.NODE)
                : finding.evidence().get("told by node");
        return node != null && finding.suspect() == Suspect.NODE
                ? OptionalInt.of(Integer.parseInt(node))
                : OptionalInt.empty();
    }

    /** The rank whose machine is meant: who told of the cause, or else whom the finding names. */
    static OptionalInt rank(Finding finding) {
        String said = finding.evidence().get("said by rank");
        return said != null && finding.suspect() == Suspect.NODE
                ? OptionalInt.of(Integer.parseInt(said))
                : finding.rank();
    }
}

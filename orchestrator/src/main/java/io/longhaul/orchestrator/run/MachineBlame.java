package io.longhaul.orchestrator.run;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.response.Action;
import java.util.OptionalInt;

/** How much an incident speaks against the machine that a rank runs on: never more than its evidence. Pure. */
final class MachineBlame {
    /** Condemns a machine. */
    static final double WHOLE = 1;
    /** A rank that is slow: two within a day condemn its machine. */
    private static final double SLOW = 0.6;

    private MachineBlame() {}

    /** @return in [0, {@link #WHOLE}] */
    static double weight(Incident incident) {
        boolean replaces = incident.decision().action() == Action.REPLACE_NODE
                && incident.rollbackStep().isPresent();
        if (replaces || incident.decision().basis().finding().suspect() == Suspect.NODE) {
            return WHOLE;
        }
        return incident.kind() == Finding.Kind.SLOW_RANK ? SLOW : 0;
    }

    /** The rank whose machine is meant: who told of the cause, or else whom the finding names. */
    static OptionalInt rank(Finding finding) {
        String said = finding.evidence().get("said by rank");
        return said != null && finding.suspect() == Suspect.NODE
                ? OptionalInt.of(Integer.parseInt(said))
                : finding.rank();
    }
}

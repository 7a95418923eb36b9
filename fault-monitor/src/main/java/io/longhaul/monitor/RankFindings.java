package io.longhaul.monitor;

import static io.longhaul.monitor.LossFindings.decimal;

import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.steptime.StepTimeEvent;
import io.longhaul.monitor.straggler.JobShape;
import io.longhaul.monitor.straggler.PeerEvent;
import io.longhaul.monitor.straggler.PeerGroups;
import io.longhaul.monitor.straggler.RankTimes;
import io.longhaul.monitor.straggler.StepPhases;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** What the phase times of ranks tell: who is slow, whom that keeps waiting, and where slow steps spend their time. */
final class RankFindings {
    /** A slow rank that makes the step longer by less than this share keeps nobody waiting worth a word. */
    private static final double NOBODY_WAITS = 0.005;
    /** Share of a rise from which one phase is named for it. */
    private static final double MOSTLY = 0.8;

    private final PeerGroups peers;
    private final RankTimes times;
    private final StepPhases phases;

    RankFindings(int ranks, JobShape shape) {
        peers = new PeerGroups(ranks, shape.stages(), shape.equalWork());
        times = new RankTimes(ranks, shape);
        phases = new StepPhases(ranks);
    }

    List<Finding> onStep(Signal.RankStep s) {
        times.onStep(s.rank(), s.computeSeconds(), s.communicationSeconds());
        phases.onStep(s.step(), s.computeSeconds(), s.communicationSeconds());
        List<PeerGroups.Change> changes = peers.onStep(s.rank(), s.step(), s.computeSeconds());
        return changes.isEmpty()
                ? List.of()
                : changes.stream().map(change -> slowRank(s.at(), change)).toList();
    }

    private Finding slowRank(Instant at, PeerGroups.Change change) {
        PeerEvent event = change.event();
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("compute seconds", decimal(change.computeSeconds()));
        evidence.put("ratio to its peers", decimal(event.ratio()));
        evidence.put("the same in its past", decimal(event.usual()));
        if (event.kind() == PeerEvent.Kind.RECOVERED) {
            evidence.put("seconds lost", decimal(change.lostSeconds()));
            return new Finding(Finding.Kind.RECOVERED, at, OptionalLong.of(event.since()),
                    OptionalInt.of(change.rank()),
                    "rank " + change.rank() + " is as fast as its peers again since step " + event.since(),
                    evidence).withRatio(event.ratio());
        }
        double step = times.stepSlowdown(change.rank(), event.ratio());
        boolean waits = step - 1 >= NOBODY_WAITS;
        evidence.put("step takes by it alone", decimal(step) + " times as long");
        evidence.put("who waits",
                waits ? times.waiting(change.rank()) : "nobody: other stages have more to do");
        double seconds = times.peersWaitSeconds(change.rank());
        if (!Double.isNaN(seconds)) {
            evidence.put("its peers communicate and wait longer by seconds", decimal(seconds));
        }
        return new Finding(Finding.Kind.SLOW_RANK, waits ? Grade.MAJOR : Grade.MINOR, at,
                OptionalLong.of(event.since()), OptionalInt.of(change.rank()),
                "rank " + change.rank() + " computes " + decimal(event.ratio())
                        + " times as long as its peers since step " + event.since()
                        + (waits ? "" : ", and nobody waits for it"),
                evidence).withRatio(step);
    }

    /** All steps take longer: in what, where ranks report their phases. */
    Finding slowSteps(Signal.Step s, StepTimeEvent event) {
        long onset = s.step() - event.point() + event.onset();
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("step seconds before", decimal(event.referenceSeconds()));
        evidence.put("ratio to before", decimal(event.ratio()));
        String where = "";
        Suspect suspect = Suspect.NONE;
        StepPhases.Change change = event.kind().fault() ? phases.since(onset).orElse(null) : null;
        if (change != null) {
            evidence.put("compute seconds before and now",
                    decimal(change.computeBefore()) + ", " + decimal(change.compute()));
            evidence.put("communication seconds before and now, of who waits least",
                    decimal(change.communicationBefore()) + ", " + decimal(change.communication()));
            double share = change.communicationShare();
            if (share >= MOSTLY) {
                where = ", nearly all of it in communication that waits for nobody";
                suspect = Suspect.NETWORK;
            } else if (share <= 1 - MOSTLY) {
                where = ", nearly all of it in what all ranks compute";
            }
        }
        return new Finding(Finding.Kind.SLOW_STEPS, event.kind().fault() ? Grade.MINOR : Grade.BENIGN, s.at(),
                OptionalLong.of(onset), OptionalInt.empty(), event.sentence() + where, evidence)
                .withRatio(event.ratio())
                .suspecting(suspect);
    }
}

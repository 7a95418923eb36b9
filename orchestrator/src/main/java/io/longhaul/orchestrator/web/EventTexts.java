package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.run.RunEvent;
import java.util.OptionalInt;

/** Events in a sentence. */
final class EventTexts {
    private EventTexts() {}

    private static String agents(AttemptLaunch launch) {
        if (launch.kept().isEmpty()) {
            return "";
        }
        return launch.made().isEmpty()
                ? " with the same agents"
                : " with new agents on nodes " + launch.made() + " and the same ones on all others";
    }

    static String text(RunEvent event) {
        return switch (event) {
            case RunEvent.Created e -> "run " + e.spec().name() + " created";
            case RunEvent.Planned e -> "planned: tensor " + e.plan().layout().tensor() + ", pipeline "
                    + e.plan().layout().pipeline() + ", data " + e.plan().layout().data() + ", micro-batch "
                    + e.plan().layout().microBatch();
            case RunEvent.AttemptDecided e -> "attempt " + e.launch().key().attempt() + " goes on from step "
                    + e.launch().resumeStep() + agents(e.launch());
            case RunEvent.AttemptCreated e -> "agents of attempt " + e.attempt() + " created";
            case RunEvent.AttemptHeld e -> "attempt " + e.attempt() + (e.cause().isEmpty()
                    ? " is held up no more"
                    : " is held up: " + e.cause());
            case RunEvent.NodeRegistered e -> "agent of node " + e.node() + " registered from " + e.host();
            case RunEvent.NodesPlaced e -> "nodes of attempt " + e.attempt() + " run on "
                    + e.machines().size() + (e.machines().size() == 1 ? " machine" : " machines");
            case RunEvent.MachineBlamed e -> "machine " + e.machine() + " is blamed: " + e.reason();
            case RunEvent.AttemptStarted e -> "ranks of attempt " + e.attempt() + " told to start";
            case RunEvent.FirstStep e -> "attempt " + e.attempt() + " trains, first step " + e.step();
            case RunEvent.CheckpointChanged e -> "checkpoint of step " + e.checkpoint().step() + " "
                    + RunViews.lower(e.checkpoint().state())
                    + e.checkpoint().problem().map(p -> ": " + p).orElse("");
            case RunEvent.IncidentOpened e -> e.incident().summary() + "; " + e.incident().action();
            case RunEvent.IncidentChanged e -> e.incident().summary() + "; " + e.incident().action();
            case RunEvent.IncidentClosed e -> "incident " + e.incident() + " " + RunViews.lower(e.status());
            case RunEvent.AttemptEnding e -> "ending attempt " + e.attempt() + ": " + e.cause();
            case RunEvent.NodeExited e -> "node " + e.node() + " has no rank left: " + e.reason();
            case RunEvent.AttemptEnded e -> "attempt " + e.attempt() + " ended at step " + e.lastStep() + ": "
                    + e.outcome();
            case RunEvent.AdviceAbstained e -> "no change of recipe: " + e.explanation();
            case RunEvent.ChangeProposed e -> "change of recipe proposed: " + e.change().explanation();
            case RunEvent.ChangeDecided e ->
                "change of recipe " + RunViews.lower(e.status()) + " by " + e.by();
            case RunEvent.ChangeScored e -> "change of recipe scored: measured final loss "
                    + e.change()
                            .score()
                            .map(s -> String.format(java.util.Locale.ROOT, "%.4f", s.measuredFinalLoss()))
                            .orElse("unknown");
            case RunEvent.ChangeNotScored e -> "change of recipe not scored: " + e.reason();
            case RunEvent.StopRequested e -> "stop requested";
            case RunEvent.Waiting e -> "waiting: " + e.message();
            case RunEvent.WaitAnswered e ->
                "a person " + (e.approved() ? "lets the run go on" : "ends the run");
            case RunEvent.Completed e -> "all steps done";
            case RunEvent.Failed e -> "failed: " + e.reason();
            case RunEvent.Stopped e -> "stopped";
        };
    }

    /** Name of the event's type as the API writes it. */
    static String kind(RunEvent event) {
        return event.getClass()
                .getSimpleName()
                .replaceAll("(?<!^)([A-Z])", "-$1")
                .toLowerCase(java.util.Locale.ROOT);
    }

    static OptionalInt attempt(RunEvent event) {
        return switch (event) {
            case RunEvent.AttemptDecided e -> OptionalInt.of(e.launch().key().attempt());
            case RunEvent.AttemptCreated e -> OptionalInt.of(e.attempt());
            case RunEvent.AttemptHeld e -> OptionalInt.of(e.attempt());
            case RunEvent.NodeRegistered e -> OptionalInt.of(e.attempt());
            case RunEvent.NodesPlaced e -> OptionalInt.of(e.attempt());
            case RunEvent.MachineBlamed e -> OptionalInt.of(e.attempt());
            case RunEvent.AttemptStarted e -> OptionalInt.of(e.attempt());
            case RunEvent.FirstStep e -> OptionalInt.of(e.attempt());
            case RunEvent.CheckpointChanged e -> OptionalInt.of(e.checkpoint().attempt());
            case RunEvent.IncidentOpened e -> OptionalInt.of(e.incident().attempt());
            case RunEvent.IncidentChanged e -> OptionalInt.of(e.incident().attempt());
            case RunEvent.AttemptEnding e -> OptionalInt.of(e.attempt());
            case RunEvent.NodeExited e -> OptionalInt.of(e.attempt());
            case RunEvent.AttemptEnded e -> OptionalInt.of(e.attempt());
            default -> OptionalInt.empty();
        };
    }
}

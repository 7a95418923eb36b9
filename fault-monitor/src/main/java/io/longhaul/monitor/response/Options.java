package io.longhaul.monitor.response;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.log.LogLabel.Suspect;
import io.longhaul.monitor.loss.LossEvent.Grade;
import io.longhaul.monitor.response.ResponsePolicy.Option;
import io.longhaul.monitor.response.Situation.Steps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What can be done about a finding, with the expected cost of each, mildest first.
 *
 * <p>A restart costs the time until training runs again and the steps to redo. What may not help costs that again as
 * often as it does not; to wait costs what is lost when waiting was wrong.
 */
final class Options {
    /** Of 74 grave events in 62 recorded runs 68 came back by themselves. */
    private static final double COMES_BACK = 68 / 74.0;
    /** Four excursions there stayed up for four points, and two of them came back: (2 + 1) / (4 + 2). */
    private static final double COMES_BACK_AFTER_STAYING = 0.5;
    /** Points after which a loss that stays up is called diverged: so long nothing would be done. */
    private static final double POINTS_TO_DIVERGED = 200;
    /** Steps that a divergence goes on for when it is left alone until somebody looks. */
    private static final double POINTS_UNTIL_SEEN = 1000;
    /** Slow ranks recover after some 24 minutes in the mean, Greyhound (ATC25, section 3). */
    private static final double SLOW_SECONDS = 1440;
    /** A person answers after a quarter of an hour. */
    private static final double PERSON_SECONDS = 900;
    /** Roll-backs within the window after which the data is no longer the likely cause. */
    private static final int ROLL_BACKS = 2;
    private static final double LOWER = 0.75;
    /** Chance that data damages the weights again that it is read with a second time; nobody has published it. */
    private static final double DAMAGES_AGAIN = 0.5;

    private final Finding finding;
    private final Situation now;
    private final Policy policy;
    private final List<Option> options = new ArrayList<>();

    private Options(Finding finding, Situation now, Policy policy) {
        this.finding = finding;
        this.now = now;
        this.policy = policy;
    }

    static List<Option> of(Finding finding, Situation now, Policy policy) {
        Options options = new Options(finding, now, policy);
        switch (finding.kind()) {
            case SPIKE -> options.spike();
            case NAN -> options.damaged("weights that are not finite never become finite again");
            case DIVERGED -> options.diverged();
            case STALLED, EXITED -> options.stopped();
            case SLOW_RANK -> options.slowRank();
            case DROPPED, FROZEN -> options.oddLoss();
            case NODE_FAULT -> options.nodeFault();
            case FAULT_LINE -> options.faultLine();
            case UNREACHABLE -> options.unreachable();
            case SPIKE_OVER, RECOVERED, EARLY_WARNING, PLATEAU, LEVEL, NOISY, SLOW_STEPS ->
                options.watch("go on", "nothing has to be done about it", 0);
        }
        return options.options;
    }

    static long onset(Finding finding, Situation now) {
        return Math.max(1, finding.step().orElse(now.lastStep()));
    }

    private void spike() {
        boolean stays = finding.grade() == Grade.CRITICAL;
        double back = stays ? COMES_BACK_AFTER_STAYING : COMES_BACK;
        double until = now.costOfSteps(stays ? POINTS_TO_DIVERGED : 4);
        double rollBack = now.costOfGoingBackTo(now.checkpointAtOrBefore(skip().from() - 1));
        watch("watch whether it comes back",
                stays
                        ? "half of the recorded spikes that stayed up for four points came back by themselves"
                        : "nearly all recorded spikes came back by themselves",
                (1 - back) * (rollBack + until));
        rollBack();
    }

    private void damaged(String whyNotWatch) {
        refuse(Action.WATCH, "go on", whyNotWatch);
        if (!now.readsAgain()) {
            refuse(Action.RESTART, "restart without skipping",
                    "the data order is fixed: the same steps would read the same data");
        }
        rollBack();
        ask();
    }

    private void rollBack() {
        Steps skip = skip();
        long to = now.checkpointAtOrBefore(skip.from() - 1);
        double cost = now.costOfGoingBackTo(to);
        if (now.readsAgain()) {
            readAgain(to, cost);
            return;
        }
        long before = now.past()
                .stream()
                .filter(past -> past.action() == Action.ROLL_BACK_AND_SKIP
                        || past.action() == Action.LOWER_LEARNING_RATE)
                .filter(past -> past.at().isAfter(now.now().minus(policy.window())))
                .count();
        String where = "roll back to step " + to + ", skip the data of steps " + skip.from() + " to "
                + skip.to();
        boolean lower = before >= ROLL_BACKS && policy.mayChangeRecipe();
        Option skipOnly = new Option(Action.ROLL_BACK_AND_SKIP, where,
                "damaged weights are thrown away, and the data that damaged them is not read again", cost,
                OptionalLong.of(to), Optional.of(skip), 1, Optional.empty());
        options.add(lower ? skipOnly.refused("done before, and the damage came again") : skipOnly);
        Option lowered = new Option(Action.LOWER_LEARNING_RATE,
                where + ", and lower the learning rate by a quarter",
                "the damage came again at other data, so the rate is too high", cost, OptionalLong.of(to),
                Optional.of(skip), LOWER, Optional.empty());
        options.add(lower
                ? lowered
                : lowered.refused(!policy.mayChangeRecipe()
                        ? "the policy leaves the recipe alone"
                        : now.suspectData()
                                .flatMap(Situation.SuspectData::shard)
                                .map(name -> "the damage began with shard " + name
                                        + ", not with the optimizer")
                                .orElse("one event is no evidence of a rate that is too high")));
    }

    private void readAgain(long to, double cost) {
        refuse(Action.ROLL_BACK_AND_SKIP, "roll back to step " + to + " and skip the data",
                "the trainer has no option to leave out the data of chosen steps");
        Option again = new Option(Action.ROLL_BACK,
                "roll back to step " + to + " and read the same data again",
                "damaged weights are thrown away, and it takes them and the data together to damage them",
                cost / (1 - DAMAGES_AGAIN), OptionalLong.of(to), Optional.empty(), 1, Optional.empty());
        boolean before = now.past()
                .stream()
                .anyMatch(past -> past.action() == Action.ROLL_BACK
                        && past.at().isAfter(now.now().minus(policy.window())));
        boolean lower = before && policy.mayChangeRecipe();
        options.add(lower ? again.refused("done before, and the damage came again") : again);
        Option lowered = new Option(Action.LOWER_LEARNING_RATE,
                "roll back to step " + to + " and lower the learning rate by a quarter",
                "the same data is read again, and a lower rate takes it more mildly", cost,
                OptionalLong.of(to),
                Optional.empty(), LOWER, Optional.empty());
        options.add(lower
                ? lowered
                : lowered.refused(policy.mayChangeRecipe()
                        ? "one event is no evidence of a rate that is too high"
                        : "the policy leaves the recipe alone"));
    }

    /** Steps not to read again: those of the suspect data, or those around the damage. */
    private Steps skip() {
        long onset = onset(finding, now);
        int margin = policy.skipMarginSteps();
        return now.suspectData()
                .map(data -> new Steps(Math.min(data.steps().from(), onset),
                        Math.max(data.steps().to(), onset)))
                .orElseGet(() -> new Steps(Math.max(1, onset - margin),
                        Math.max(onset, now.lastStep()) + margin));
    }

    private void diverged() {
        long to = now.checkpointAtOrBefore(onset(finding, now) - 1);
        double cost = now.costOfGoingBackTo(to);
        watch("watch it; a person should look at the learning rate and the data",
                "new data can raise the loss as well, and half of such rises are no divergence",
                0.5 * (cost + now.costOfSteps(POINTS_UNTIL_SEEN)));
        Option lowered = new Option(Action.LOWER_LEARNING_RATE,
                "roll back to step " + to + " and lower the learning rate by a quarter",
                "slow divergence does not come back, and its cure is a lower rate", cost, OptionalLong.of(to),
                Optional.empty(), LOWER, Optional.empty());
        options.add(
                policy.mayChangeRecipe() ? lowered : lowered.refused("the policy leaves the recipe alone"));
    }

    private void oddLoss() {
        watch("go on; a person should look at it at once",
                finding.kind() == Finding.Kind.FROZEN
                        ? "a loss that does not change means that nothing is learned: no restart cures that"
                        : "a loss that falls at once means broken numbers or data that tells the answers",
                0);
        refuse(Action.RESTART, "restart", "the same program would do the same again");
    }

    private void stopped() {
        long to = now.newestCheckpoint();
        double once = now.costOfGoingBackTo(to);
        Suspect suspect = finding.suspect();
        refuse(Action.WATCH, "wait",
                finding.kind() == Finding.Kind.STALLED
                        ? "the limit is already several times the usual step"
                        : "no other rank can finish its step without the missing one");
        refuse(Action.RESTART, "start the one rank again",
                "its optimizer state and its place in the process group are lost with it");
        options.add(new Option(Action.RESTART, "restart all ranks from step " + to,
                "a collective job cannot go on without one of its ranks", once / (1 - failsAgain(suspect)),
                OptionalLong.of(to), Optional.empty(), 1, Optional.empty()));
        Option replace = new Option(Action.REPLACE_NODE, "replace the node and restart from step " + to,
                "the log suspects the node", once / (1 - failsAgain(Suspect.NONE)), OptionalLong.of(to),
                Optional.empty(), 1, Optional.empty());
        options.add(suspect != Suspect.NODE
                ? replace.refused("nothing speaks against the node")
                : now.spareNodes() == 0 ? replace.refused("there is no spare node") : replace);
        refuse(Action.REPLAN, "plan for the ranks that are left", "all nodes can be used again");
        ask();
    }

    /** Chance that the same trouble ends the next attempt, too: a restart does not change a program. */
    private static double failsAgain(Suspect suspect) {
        return switch (suspect) {
            case USER -> 0.9;
            case NODE -> 0.5;
            case NETWORK, STORAGE -> 0.3;
            case NONE -> 0.1;
        };
    }

    private void slowRank() {
        double lost = 1 - 1 / Math.max(1, finding.ratio().orElse(1));
        watch("watch it and go on", "a slow rank costs time, and most recover by themselves",
                now.ranks() * SLOW_SECONDS * lost);
        replaceNode();
        refuse(Action.RESTART, "restart", "the rank would run in the same place again");
    }

    private void nodeFault() {
        String label = finding.evidence().getOrDefault("label", "");
        switch (label) {
            case "hw.preflight_wrong", "hw.preflight_failed" -> {
                refuse(Action.WATCH, "go on",
                        label.endsWith("wrong")
                                ? "what computes wrong spoils what all others compute"
                                : "what fails its tests will not train either");
                replaceNode();
                ask();
            }
            case "hw.preflight_slow" -> {
                double lost = 1 - 1 / Math.max(1, finding.ratio().orElse(1));
                watch("watch it and go on", "the node is slow, and all others wait for it",
                        now.costOfSteps(POINTS_UNTIL_SEEN) * lost);
                replaceNode();
            }
            default -> faultLine();
        }
    }

    private void faultLine() {
        watch("watch the node", "the job still runs",
                failsAgain(Suspect.NODE) * now.costOfGoingBackTo(now.newestCheckpoint()));
        replaceNode();
    }

    private void replaceNode() {
        long to = now.newestCheckpoint();
        Option replace = new Option(Action.REPLACE_NODE, "replace the node and go on from step " + to,
                "another node is at hand", now.costOfGoingBackTo(to), OptionalLong.of(to), Optional.empty(),
                1,
                Optional.empty());
        options.add(now.spareNodes() == 0 ? replace.refused("there is no spare node") : replace);
    }

    private void unreachable() {
        watch("wait for it; training may well go on",
                "silence alone is no failure: a second witness has to say that the node is gone", 0);
        refuse(Action.RESTART, "restart",
                "the ranks may be healthy behind a broken network, and their work would be lost");
        refuse(Action.ASK, "give up", "stop the run by hand if the node is known to be dead");
    }

    private void watch(String name, String why, double gpuSeconds) {
        options.add(new Option(Action.WATCH, name, why, gpuSeconds, OptionalLong.empty(), Optional.empty(), 1,
                Optional.empty()));
    }

    private void refuse(Action action, String name, String because) {
        options.add(new Option(action, name, because, 0, OptionalLong.empty(), Optional.empty(), 1,
                Optional.of(because)));
    }

    /** Everything stands still until a person answers, who mends what the log tells of before the restart. */
    private void ask() {
        long to = now.newestCheckpoint();
        options.add(new Option(Action.ASK, "stop and ask a person",
                finding.suspect() == Suspect.USER
                        ? "the log blames the program or its settings, and a restart changes neither"
                        : "a person may know more",
                now.ranks() * PERSON_SECONDS + now.costOfGoingBackTo(to) / (1 - failsAgain(Suspect.NONE)),
                OptionalLong.of(to), Optional.empty(), 1,
                Optional.empty()));
    }
}

package io.longhaul.orchestrator.plan;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.ShippedConstants;
import io.longhaul.planner.explain.Duel;
import io.longhaul.planner.explain.Knowledge;
import io.longhaul.planner.explain.LayoutReader;
import io.longhaul.planner.explain.Move;
import io.longhaul.planner.explain.NextProbe;
import io.longhaul.planner.explain.Prediction;
import io.longhaul.planner.explain.Sensitivity;
import io.longhaul.planner.explain.Sensitivity.Links;
import io.longhaul.planner.explain.Sensitivity.Outcome;
import io.longhaul.planner.explain.WhyNot;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Broken;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.PlanResult;
import io.longhaul.planner.search.Planner;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is asked about a plan besides the plan.
 *
 * @param whyNot a layout as text, of which the user wants to know why it is not the plan
 * @param whatIf what the plan would be if the trainer's version could run everything
 * @param sensitivity what would have to be otherwise for another plan to win; plans several times
 * @param pareto plans that need less memory or fewer ranks; plans several times
 * @param running a layout that trains already: whether it pays to leave it for the plan
 */
public record Questions(
        Optional<String> whyNot,
        boolean whatIf,
        boolean sensitivity,
        boolean pareto,
        Optional<Running> running) {
    public static final Questions NONE = new Questions(
            Optional.empty(), false, false, false, Optional.empty());
    /** First steps that take twice as long: kernels are compiled and the allocator finds its sizes. */
    private static final int WARM_UP_STEPS = 5;

    /**
     * @param layout as text
     * @param known the layout itself, where that is at hand: what the text leaves out is as in the plan
     * @param tokensLeft of the run, >= 0
     * @param storageBytesPerSecond that all ranks together read a checkpoint with, > 0
     * @param restartSeconds from the end of the old processes to the first step of the new, checkpoint apart, >= 0
     */
    public record Running(
            String layout,
            Optional<ParallelLayout> known,
            long tokensLeft,
            double storageBytesPerSecond,
            double restartSeconds) {}

    private static final int RIVALS = 3;
    /** What the cost model gets wrong about one layout against another of the same run, as a standard deviation. */
    private static final double OWN_ERROR = 0.03;
    /** Of the mean of a short run's steps. */
    private static final double STEP_NOISE = 0.01;

    void answer(ObjectNode view, PlanRequest request, PlanResult result) {
        Plan best = result.best().orElseThrow();
        whyNot.ifPresent(text -> whyNot(view.putObject("whyNot"), text, request, best));
        if (whatIf) {
            whatIf(view.putObject("whatIf"), request, best);
        }
        running.ifPresent(r -> move(view.putObject("move"), r, request, best));
        if (sensitivity) {
            ObjectNode node = view.putObject("sensitivity");
            outcomes(node.putArray("outcomes"), request, best);
            breakEvens(node.putArray("breakEvens"), request, best, result.runnersUp());
            duels(node, request, best, result.runnersUp());
        }
    }

    /** Puts the layout that a text means, or what is wrong with the text. */
    private static @Nullable ParallelLayout read(ObjectNode node, String text, PlanRequest request,
            Plan best) {
        try {
            ParallelLayout layout = LayoutReader.read(
                    text, best.layout(), request.machine().ranks(), request.globalBatch());
            node.put("layout", layout.toString());
            return layout;
        } catch (IllegalArgumentException e) {
            node.put("layout", text).put("verdict", "not-a-layout").put("text", e.getMessage());
            return null;
        }
    }

    private static void whatIf(ObjectNode node, PlanRequest request, Plan best) {
        Plan free = Planner.plan(request.whatIf()).best().orElseThrow();
        double gain = 1 - free.stepSeconds() / best.stepSeconds();
        List<String> missing = Planner.broken(request, free.layout()).stream().map(Broken::message).toList();
        node.put("layout", free.layout().toString()).put("stepSeconds", free.stepSeconds()).put("gain", gain);
        node.set("missing", PlanJson.tree(missing));
        node.put("text", missing.isEmpty()
                ? "nothing that this version cannot run would make a better plan"
                : String.format(Locale.ROOT, "%.3f s, %.1f %% faster, but %s", free.stepSeconds(), 100 * gain,
                        String.join("; ", missing)));
    }

    private static void whyNot(ObjectNode node, String text, PlanRequest request, Plan best) {
        ParallelLayout asked = read(node, text, request, best);
        if (asked == null) {
            return;
        }
        WhyNot answer = WhyNot.of(Planner.price(request, asked), best, Planner.broken(request, asked));
        node.put("verdict", switch (answer) {
            case WhyNot.Illegal _ -> "illegal";
            case WhyNot.TooLarge _ -> "too-large";
            case WhyNot.Compared _ -> "compared";
        });
        node.put("text", answer.text());
        switch (answer) {
            case WhyNot.Illegal illegal ->
                node.set("rules", PlanJson.tree(illegal.rules().stream().map(Broken::toString).toList()));
            case WhyNot.TooLarge large -> node.set("deficitBytes", PlanJson.tree(large.deficits()));
            case WhyNot.Compared compared -> {
                node.put("stepSeconds", compared.plan().stepSeconds());
                node.set("differences", PlanJson.tree(compared.differences()));
            }
        }
    }

    private static void move(ObjectNode node, Running running, PlanRequest request, Plan best) {
        ParallelLayout from = running.known().orElseGet(() -> read(node, running.layout(), request, best));
        if (from == null) {
            return;
        }
        node.put("layout", from.toString());
        Plan old = Planner.price(request, from);
        double state = request.machine().bytesPerValue() < 4 ? 12 : 8;
        Move.Price price = new Move.Price(
                0, running.restartSeconds(),
                Move.reshardSeconds(
                        request.model().parameters(), request.machine().bytesPerValue() + state,
                        running.storageBytesPerSecond()),
                WARM_UP_STEPS * best.stepSeconds());
        long steps = Math.ceilDiv(
                running.tokensLeft(), (long) request.globalBatch() * request.model().sequenceLength());
        Move move = new Move(from, best.layout(), old.stepSeconds(), best.stepSeconds(), steps, price);
        node.put("to", best.layout().toString())
                .put("stepsLeft", steps)
                .put("priceSeconds", price.seconds())
                .put("reshardSeconds", price.reshard())
                .put("gainSeconds", move.gainSeconds())
                .put("netSeconds", move.netSeconds())
                .put("worthIt", move.worthIt())
                .put("text", text(move));
        if (Double.isFinite(move.paybackSteps())) {
            node.put("paybackSteps", move.paybackSteps());
        }
    }

    private static String text(Move move) {
        if (move.from().equals(move.to())) {
            return "the plan runs already";
        }
        return String.format(
                Locale.ROOT,
                "%s: %,d steps left would take %.1f h less (%.3f s a step instead of %.3f s), the change "
                        + "costs %.1f min: restart %.1f, reading the checkpoint %.1f, slow first steps %.1f%s",
                move.worthIt() ? "change" : "stay", move.stepsLeft(), move.gainSeconds() / 3600,
                move.stepSecondsAfter(), move.stepSecondsBefore(), move.price().seconds() / 60,
                move.price().restart() / 60, move.price().reshard() / 60, move.price().warmUp() / 60,
                move.gainSeconds() > 0
                        ? String.format(Locale.ROOT, "; earned after %,.0f steps",
                                Math.ceil(move.paybackSteps()))
                        : "");
    }

    private static void outcomes(ArrayNode node, PlanRequest request, Plan best) {
        for (Outcome outcome : Sensitivity.outcomes(request, best)) {
            ObjectNode one = node.addObject()
                    .put("change", outcome.change().label())
                    .put("same", outcome.same());
            outcome.best()
                    .ifPresent(
                            p -> one.put("text", p.layout().toString()).put("stepSeconds", p.stepSeconds()));
            if (Double.isFinite(outcome.loss())) {
                one.put("loss", outcome.loss());
            }
        }
    }

    private static void breakEvens(ArrayNode node, PlanRequest request, Plan best,
            List<PlanResult.RunnerUp> others) {
        for (PlanResult.RunnerUp other : others.subList(0, Math.min(RIVALS, others.size()))) {
            for (Links links : Links.values()) {
                Sensitivity.breakEven(request, best, other.plan(), links)
                        .ifPresent(even -> node.addObject()
                                .put("layout", other.plan().layout().toString())
                                .put("links", links == Links.BETWEEN_NODES ? "between-nodes" : "within-nodes")
                                .put("factor", even.factor())
                                .put("text", text(other.plan(), links, even.factor())));
            }
        }
    }

    /** How sure the order of the plans is, and which short run would make it surest. */
    private static void duels(ObjectNode node, PlanRequest request, Plan best,
            List<PlanResult.RunnerUp> others) {
        if (others.isEmpty() || !(request.machine() instanceof Machine.Cluster)) {
            return;
        }
        List<Prediction> ranked = Stream
                .concat(Stream.of(best), others.stream().map(PlanResult.RunnerUp::plan))
                .map(p -> Prediction.of(request, p.layout(),
                        ShippedConstants.on(request.machine(), request.software()), request.software()))
                .toList();
        ArrayNode duels = node.putArray("duels");
        for (Prediction other : ranked.subList(1, ranked.size())) {
            Duel duel = Duel.of(ranked.getFirst(), other, Knowledge.prior(), OWN_ERROR);
            duels.addObject()
                    .put("layout", other.layout().toString())
                    .put("planFaster", duel.probability());
        }
        NextProbe probe = NextProbe.rank(ranked, Knowledge.prior(), OWN_ERROR, STEP_NOISE).getFirst();
        ObjectNode next = node.putObject("nextProbe");
        ArrayNode runs = next.putArray("layouts");
        probe.runs().forEach(run -> runs.add(run.layout().toString()));
        next
                .put("spreadBefore", probe.spreadBefore())
                .put("spreadAfter", probe.spreadAfter());
    }

    private static String text(Plan other, Links links, double factor) {
        return String.format(
                Locale.ROOT, "%s wins if links %s nodes are %s", other.layout(),
                links == Links.BETWEEN_NODES ? "between" : "within",
                factor > 1
                        ? String.format(Locale.ROOT, "more than %.2f times as fast", factor)
                        : String.format(Locale.ROOT, "slower than %.0f %% of what they are", 100 * factor));
    }
}

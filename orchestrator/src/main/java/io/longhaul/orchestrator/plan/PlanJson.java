package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.explain.Waterfall;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.search.Certificate;
import io.longhaul.planner.search.ParetoFront;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.PlanResult;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A plan as API and command line show it. */
final class PlanJson {
    private static final JsonMapper MAPPER = new JsonMapper();

    private PlanJson() {}

    /** @param offeredRanks of the cluster, of which the plan may leave some */
    static ObjectNode view(RunSpec spec, PlanResult result, Machine machine, int offeredRanks) {
        Plan best = result.best().orElseThrow();
        ObjectNode view = candidate(best.layout());
        long steps = spec.training().steps(spec.model().sequenceLength());
        view.put("worldSize", machine.ranks());
        view.put("stepSeconds", best.stepSeconds());
        view.put("tokensPerSecond", best.tokensPerSecond());
        view.put("mfu", best.utilisation());
        view.set("breakdown", MAPPER.valueToTree(best.breakdown()));
        view.set("waterfall", waterfall(Waterfall.of(spec.model().shape(), machine, best)));
        ArrayNode memory = view.putArray("memory");
        best.memory().forEach(stage -> memory.add(stage(stage)));
        view.put("reason", result.reason());
        ArrayNode others = view.putArray("runnersUp");
        for (PlanResult.RunnerUp other : result.runnersUp()) {
            ObjectNode node = candidate(other.plan().layout());
            node.put("stepSeconds", other.plan().stepSeconds());
            node.put("why", other.why());
            others.add(node);
        }
        ArrayNode rejected = view.putArray("rejected");
        for (PlanResult.Rejection rejection : result.rejected()) {
            rejected.addObject()
                    .put("rule", rejection.rule())
                    .put("example", rejection.example())
                    .put("count", rejection.count());
        }
        view.put("considered", result.considered());
        view.put("objective", spec.objective().name().toLowerCase(Locale.ROOT));
        view.set("certificate", certificate(result.certificate()));
        view.putObject("calibration").put("source", machine.source());
        view.put("days", steps * best.stepSeconds() / 86_400);
        view.put("gpuHours", steps * best.stepSeconds() / 3600 * machine.ranks());
        Aims.figures(view, spec, best, machine.ranks(), offeredRanks);
        return view;
    }

    /** What is not finite is left out. */
    private static ObjectNode certificate(Certificate c) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("proven", c.proven());
        if (Double.isFinite(c.bound())) {
            node.put("bound", c.bound());
        }
        if (Double.isFinite(c.gap())) {
            node.put("gap", c.gap());
        }
        return node.put("points", c.nominal())
                .put("illegal", c.illegal())
                .put("tooLarge", c.tooLarge())
                .put("bounded", c.bounded())
                .put("dominated", c.dominated())
                .put("priced", c.priced())
                .put("open", c.open())
                .put("evaluations", c.evaluations())
                .put("hash", c.hash());
    }

    /** Time against cost against memory. */
    static ArrayNode pareto(RunSpec spec, List<ParetoFront.Point> points) {
        ArrayNode front = MAPPER.createArrayNode();
        for (ParetoFront.Point point : points) {
            long batch = point.plan().layout().globalBatch();
            double seconds = point.plan().stepSeconds()
                    * Math.ceilDiv(spec.training().tokens(), batch * spec.model().sequenceLength());
            double hours = seconds / 3600 * point.ranks();
            ObjectNode node = front.addObject()
                    .put("text", point.plan().layout().toString())
                    .put("ranks", point.ranks())
                    .put("stepSeconds", point.plan().stepSeconds())
                    .put("days", seconds / 86_400)
                    .put("gpuHours", hours)
                    .put("peakBytes", point.plan().peakBytes());
            spec.planning().pricePerDeviceHour().ifPresent(price -> node.put("cost", price * hours));
        }
        return front;
    }

    private static ObjectNode waterfall(Waterfall waterfall) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("idealSeconds", waterfall.idealSeconds());
        ArrayNode losses = node.putArray("losses");
        for (Waterfall.Loss loss : waterfall.losses()) {
            losses.addObject()
                    .put("name", loss.name())
                    .put("seconds", loss.seconds())
                    .put("points", loss.points());
        }
        return node;
    }

    static ObjectNode candidate(ParallelLayout c) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("text", c.toString());
        node.putObject("layout")
                .put("tensor", c.tensor())
                .put("pipeline", c.pipeline())
                .put("data", c.data())
                .put("context", c.context())
                .put("expert", c.expert());
        node.put("microBatch", c.microBatch());
        node.put("microBatches", c.microBatches());
        node.put("globalBatch", c.globalBatch());
        node.put("recompute", c.recompute().kind().name().toLowerCase(Locale.ROOT));
        node.put("zeroStage", c.sharding().stage());
        return node;
    }

    private static ObjectNode stage(StageMemory stage) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("stage", stage.stage());
        node.set("terms", MAPPER.valueToTree(stage.terms()));
        node.put("totalBytes", stage.totalBytes());
        node.put("lowBytes", stage.lowBytes());
        node.put("highBytes", stage.highBytes());
        node.put("fits", stage.fits());
        node.put("capacityBytes", stage.capacityBytes());
        node.put("verdict", stage.verdict().name().toLowerCase(Locale.ROOT));
        return node;
    }

    static JsonNode tree(Object value) {
        return MAPPER.valueToTree(value);
    }
}

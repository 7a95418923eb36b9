package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.explain.Waterfall;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.PlanResult;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A plan as API and command line show it. */
final class PlanJson {
    private static final JsonMapper MAPPER = new JsonMapper();

    private PlanJson() {}

    static ObjectNode view(RunSpec spec, PlanResult result, Machine machine) {
        Plan best = result.best().orElseThrow();
        ObjectNode view = candidate(best.layout());
        long steps = spec.training().steps(spec.model().sequenceLength());
        view.put("globalBatch", spec.training().recipe().globalBatch());
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
        view.putObject("calibration").put("source", machine.source());
        view.put("days", steps * best.stepSeconds() / 86_400);
        view.put("gpuHours", steps * best.stepSeconds() / 3600 * machine.ranks());
        return view;
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

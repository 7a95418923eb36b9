package io.longhaul.orchestrator.web;

import io.longhaul.monitor.Finding;
import io.longhaul.monitor.GoodputLedger.Account;
import io.longhaul.monitor.response.Response;
import io.longhaul.orchestrator.attempt.AttemptTrack;
import io.longhaul.orchestrator.attempt.AttemptTrack.StepPoint;
import io.longhaul.orchestrator.run.Attempt;
import io.longhaul.orchestrator.run.CheckpointEntry;
import io.longhaul.orchestrator.run.Incident;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import io.longhaul.orchestrator.run.RunGoodput;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunState;
import io.longhaul.orchestrator.run.StepRange;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Runs as the API shows them (docs/api.md). */
final class RunViews {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final int FINDINGS = 50;

    private RunViews() {}

    /** The last step that was trained. */
    static long step(LiveRun run) {
        return last(run).map(StepPoint::step).orElseGet(() -> resumeStep(run.state()));
    }

    /** The line of the run list. */
    static ObjectNode summary(LiveRun run) {
        RunState state = run.state();
        ObjectNode view = MAPPER.createObjectNode();
        view.put("id", state.id().toString());
        view.put("name", state.spec().name());
        view.put("phase", lower(state.phase()));
        view.put("reason", state.reason());
        view.put("attempt", state.attempts().size());
        view.put("totalSteps", state.totalSteps());
        view.put("createdAt", state.createdAt().toString());
        state.endedAt().ifPresent(at -> view.put("endedAt", at.toString()));
        Optional<StepPoint> last = last(run);
        view.put("step", step(run));
        last.filter(p -> Double.isFinite(p.loss())).ifPresent(p -> view.put("loss", p.loss()));
        last.filter(p -> Double.isFinite(p.learningRate()))
                .ifPresent(p -> view.put("learningRate", p.learningRate()));
        last.filter(p -> Double.isFinite(p.seconds()))
                .ifPresent(p -> view.put("lastStepSeconds", p.seconds()));
        view.put(
                "openIncidents",
                state.incidents().stream().filter(i -> i.status() == Incident.Status.OPEN).count());
        return view;
    }

    private static long resumeStep(RunState state) {
        return state.lastAttempt().map(a -> a.launch().resumeStep()).orElse(0L);
    }

    private static Optional<StepPoint> last(LiveRun run) {
        return run.state().lastAttempt().flatMap(a -> run.track(a.number())).flatMap(AttemptTrack::lastStep);
    }

    /** Everything about a run except its curve and events. */
    static ObjectNode full(LiveRun run, Instant now) {
        RunState state = run.state();
        ObjectNode view = summary(run);
        state.waitingFor().ifPresent(w -> view.set("waitingFor", MAPPER.valueToTree(w)));
        view.set("spec", spec(state));
        view.set("recipe", recipe(state.recipe()));
        state.plan().ifPresent(plan -> view.set("plan", MAPPER.readTree(plan.view())));
        view.put("tokens", view.path("step").asLong() * state.tokensPerStep());
        ObjectNode stepSeconds = view.putObject("stepSeconds");
        state.plan().ifPresent(plan -> stepSeconds.put("predicted", plan.stepSeconds()));
        measured(run.kept().stream().mapToDouble(k -> k.point().seconds())).ifPresent(median -> {
            stepSeconds.put("measuredMedian", median);
            view.put("tokensPerSecond", state.tokensPerStep() / median);
        });
        ArrayNode attempts = view.putArray("attempts");
        state.attempts().forEach(attempt -> attempts.add(attempt(run, attempt)));
        ArrayNode incidents = view.putArray("incidents");
        state.incidents().forEach(incident -> incidents.add(incident(incident)));
        view.set("findings", findings(run));
        ArrayNode changes = view.putArray("recipeChanges");
        state.changes().forEach(change -> changes.add(change(change)));
        ArrayNode checkpoints = view.putArray("checkpoints");
        state.checkpoints().forEach(checkpoint -> checkpoints.add(checkpoint(checkpoint)));
        view.set("goodput", goodput(RunGoodput.of(run, now)));
        return view;
    }

    private static Optional<Double> measured(DoubleStream seconds) {
        double[] sorted = seconds.filter(Double::isFinite).sorted().toArray();
        return sorted.length == 0 ? Optional.empty() : Optional.of(sorted[sorted.length / 2]);
    }

    private static ObjectNode spec(RunState state) {
        ObjectNode spec = MAPPER.valueToTree(state.spec());
        lowerConstants(spec);
        RunSpec.Policies policies = state.spec().policies();
        ((ObjectNode) spec.path("policies"))
                .put("stallTimeout", policies.stallTimeout().toSeconds() + "s")
                .put("startTimeout", policies.startTimeout().toSeconds() + "s");
        return spec;
    }

    /** Enum constants as people write them. */
    private static void lowerConstants(ObjectNode node) {
        for (Map.Entry<String, JsonNode> field : node.properties()) {
            if (field.getValue() instanceof ObjectNode inner) {
                lowerConstants(inner);
            } else if (field.getValue().isString()
                    && field.getValue().asString().matches("[A-Z][A-Z0-9_]*")) {
                field.setValue(MAPPER.getNodeFactory().stringNode(lower(field.getValue().asString())));
            }
        }
    }

    private static ObjectNode recipe(Recipe recipe) {
        ObjectNode node = MAPPER.valueToTree(recipe);
        lowerConstants(node);
        return node;
    }

    private static ObjectNode attempt(LiveRun run, Attempt attempt) {
        ObjectNode node = MAPPER.createObjectNode();
        Optional<AttemptTrack> track = run.track(attempt.number());
        node.put("number", attempt.number());
        node.put("stage", lower(attempt.stage()));
        node.put("decidedAt", attempt.decidedAt().toString());
        attempt.startedAt().ifPresent(at -> node.put("startedAt", at.toString()));
        attempt.firstStepAt().ifPresent(at -> node.put("firstStepAt", at.toString()));
        attempt.endedAt().ifPresent(at -> node.put("endedAt", at.toString()));
        node.put("resumeStep", attempt.launch().resumeStep());
        node.put(
                "lastStep",
                track.flatMap(AttemptTrack::lastStep)
                        .map(StepPoint::step)
                        .orElse(attempt.launch().resumeStep()));
        node.put("outcome", attempt.outcome());
        node.put("cause", attempt.cause());
        node.set("recipe", recipe(attempt.recipe()));
        node.set("skippedSteps", ranges(attempt.skipped()));
        run.state().plan().ifPresent(plan -> node.put("predictedStepSeconds", plan.stepSeconds()));
        track.flatMap(t -> measured(t.steps().stream().mapToDouble(StepPoint::seconds)))
                .ifPresent(median -> node.put("measuredStepSeconds", median));
        node.put("ranks", attempt.launch().worldSize());
        node.put("nodes", attempt.launch().nodes());
        node.put("newNodes", attempt.launch().made().toString());
        return node;
    }

    private static ArrayNode ranges(List<StepRange> ranges) {
        ArrayNode node = MAPPER.createArrayNode();
        ranges.forEach(range -> node.addObject().put("first", range.first()).put("last", range.last()));
        return node;
    }

    private static ObjectNode incident(Incident incident) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("id", incident.id());
        node.put("kind", lower(incident.kind()));
        node.put("grade", lower(incident.grade()));
        node.put("confidence", incident.confidence());
        node.put("attempt", incident.attempt());
        node.put("openedAt", incident.openedAt().toString());
        incident.closedAt().ifPresent(at -> node.put("closedAt", at.toString()));
        incident.step().ifPresent(step -> node.put("step", step));
        incident.rank().ifPresent(rank -> node.put("rank", rank));
        incident.shard().ifPresent(shard -> node.put("shard", shard));
        node.put("summary", incident.summary());
        node.set("evidence", MAPPER.valueToTree(incident.evidence()));
        ArrayNode signs = node.putArray("signs");
        incident.signs()
                .forEach(sign -> signs.addObject()
                        .put("at", sign.at().toString())
                        .put("kind", lower(sign.kind()))
                        .put("summary", sign.summary()));
        node.put("action", incident.action());
        node.set("decision", decision(incident.decision()));
        ArrayNode earlier = node.putArray("earlierDecisions");
        incident.earlier().forEach(decision -> earlier.add(decision(decision)));
        incident.rollbackStep().ifPresent(step -> node.put("rollbackStep", step));
        node.set("skippedSteps", ranges(incident.skipped()));
        node.put("redoneTokens", incident.redoneTokens());
        node.put("lostTokens", incident.lostTokens());
        node.put("lostSeconds", incident.lostSeconds());
        node.put("status", lower(incident.status()));
        return node;
    }

    /** What the detectors say of the newest attempt, also what was no reason to do anything; the newest last. */
    private static ArrayNode findings(LiveRun run) {
        ArrayNode findings = MAPPER.createArrayNode();
        List<Finding> all = run.state()
                .lastAttempt()
                .flatMap(a -> run.track(a.number()))
                .map(AttemptTrack::findings)
                .orElse(List.of());
        for (Finding finding : all.subList(Math.max(0, all.size() - FINDINGS), all.size())) {
            ObjectNode node = findings.addObject();
            node.put("at", finding.at().toString());
            node.put("kind", lower(finding.kind()));
            node.put("grade", lower(finding.grade()));
            finding.step().ifPresent(step -> node.put("step", step));
            finding.rank().ifPresent(rank -> node.put("rank", rank));
            node.put("summary", finding.summary());
        }
        return findings;
    }

    private static ObjectNode decision(Incident.Decision decision) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("at", decision.at().toString());
        node.put("action", lower(decision.action()));
        node.put("does", decision.does());
        node.put("rule", decision.rule());
        decision.gpuSeconds().ifPresent(seconds -> node.put("gpuSeconds", seconds));
        node.put("policyVersion", decision.basis().policy().version());
        node.set("inputs", MAPPER.valueToTree(decision.inputs()));
        ArrayNode alternatives = node.putArray("alternatives");
        for (Response.Alternative alternative : decision.alternatives()) {
            ObjectNode other = alternatives.addObject();
            other.put("action", alternative.action()).put("why", alternative.why());
            alternative.gpuSeconds().ifPresent(seconds -> other.put("gpuSeconds", seconds));
        }
        return node;
    }

    private static ObjectNode change(RecipeChange change) {
        ObjectNode node = MAPPER.valueToTree(change);
        lowerConstants(node);
        return node;
    }

    private static ObjectNode checkpoint(CheckpointEntry checkpoint) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("attempt", checkpoint.attempt());
        node.put("step", checkpoint.step());
        node.put("state", lower(checkpoint.state()));
        node.put("path", checkpoint.path());
        node.put("at", checkpoint.at().toString());
        node.put("consumedSamples", checkpoint.consumedSamples());
        node.put("seconds", checkpoint.seconds());
        checkpoint.problem().ifPresent(problem -> node.put("problem", problem));
        return node;
    }

    private static ObjectNode goodput(RunGoodput goodput) {
        ObjectNode node = MAPPER.createObjectNode();
        ObjectNode accounts = node.putObject("accounts");
        for (Account account : Account.values()) {
            accounts.put(lower(account), goodput.time().accounts().getOrDefault(account, 0.0));
        }
        node.put("totalSeconds", goodput.time().totalSeconds());
        node.put("ettr", goodput.time().ettr());
        node.put("tokensKept", goodput.tokensKept());
        node.put("tokensRedone", goodput.tokensRedone());
        node.put("tokensSkipped", goodput.tokensSkipped());
        node.put("tokensLost", goodput.tokensLost());
        return node;
    }

    /** Columns per attempt; a loss that is not a number is {@code null}. */
    static ObjectNode curve(LiveRun run) {
        ObjectNode view = MAPPER.createObjectNode();
        ArrayNode attempts = view.putArray("attempts");
        ArrayNode validation = view.putArray("validation");
        Map<Long, Integer> keptBy = new HashMap<>();
        run.kept().forEach(step -> keptBy.put(step.point().step(), step.attempt()));
        for (Attempt attempt : run.state().attempts()) {
            List<StepPoint> points = run.track(attempt.number()).map(AttemptTrack::steps).orElse(List.of());
            ObjectNode node = attempts.addObject();
            node.put("attempt", attempt.number());
            ArrayNode steps = node.putArray("steps");
            ArrayNode loss = node.putArray("loss");
            ArrayNode rate = node.putArray("learningRate");
            ArrayNode seconds = node.putArray("stepSeconds");
            ArrayNode kept = node.putArray("kept");
            for (StepPoint point : points) {
                steps.add(point.step());
                add(loss, point.loss());
                add(rate, point.learningRate());
                add(seconds, point.seconds());
                kept.add(Integer.valueOf(attempt.number()).equals(keptBy.get(point.step())));
            }
            run.track(attempt.number())
                    .map(AttemptTrack::validation)
                    .orElse(List.of())
                    .forEach(
                            point -> add(
                                    validation.addObject()
                                            .put("attempt", attempt.number())
                                            .put("step", point.step()),
                                    point.loss()));
        }
        return view;
    }

    private static void add(ArrayNode column, double value) {
        if (Double.isFinite(value)) {
            column.add(value);
        } else {
            column.addNull();
        }
    }

    private static void add(ObjectNode point, double loss) {
        if (Double.isFinite(loss)) {
            point.put("loss", loss);
        } else {
            point.putNull("loss");
        }
    }

    static String lower(Enum<?> constant) {
        return lower(constant.name());
    }

    private static String lower(String constant) {
        return String.join("-", Arrays.asList(constant.toLowerCase(Locale.ROOT).split("_")));
    }
}

package io.longhaul.orchestrator.web;

import io.longhaul.laws.LossBand;
import io.longhaul.laws.ScheduleArguments;
import io.longhaul.orchestrator.adapt.CurvePoint;
import io.longhaul.orchestrator.adapt.Forecasts;
import io.longhaul.orchestrator.adapt.RunForecast;
import io.longhaul.orchestrator.run.LiveRun;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunState;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Where a run's loss is heading, as planned and as somebody designs it. Nothing is stored or changed. */
@RestController
@RequestMapping(path = "/api/v1", produces = MediaType.APPLICATION_JSON_VALUE)
public class ForecastController {
    private static final JsonMapper MAPPER = new JsonMapper();

    private final RunEngine engine;
    private final Forecasts forecasts = new Forecasts();

    public ForecastController(RunEngine engine) {
        this.engine = engine;
    }

    /** Without any of the parameters there is no design; what a design leaves out is as it is now. */
    @GetMapping("/runs/{id}/forecast")
    ObjectNode forecast(
            @PathVariable UUID id,
            @RequestParam(required = false) @Nullable Double rate,
            @RequestParam(required = false) @Nullable Long decayStart,
            @RequestParam(required = false) @Nullable Double low,
            @RequestParam(required = false) @Nullable Long total) {
        LiveRun run = engine.run(id).orElseThrow(() -> RefusedException.notFound("there is no run " + id));
        RunState state = run.state();
        List<CurvePoint> curve = run.kept()
                .stream()
                .map(LiveRun.KeptStep::point)
                .filter(p -> Double.isFinite(p.learningRate()))
                .map(p -> new CurvePoint(p.step(), p.learningRate(), p.loss(),
                        p.step() * state.tokensPerStep()))
                .toList();
        ObjectNode view = MAPPER.createObjectNode();
        Optional<RunForecast> found = state.phase().ended()
                ? Optional.empty()
                : forecasts.of(id, state.recipe(), curve, state.totalSteps(), state.spec().training().seed());
        if (found.isEmpty()) {
            return view.put(
                    "reason",
                    state.phase().ended()
                            ? "the run has ended"
                            : "too few losses after the warm-up, or too few steps left");
        }
        RunForecast forecast = found.get();
        view.put("step", forecast.at())
                .put("learningRate", forecast.rate())
                .put("totalSteps", forecast.total());
        view.set("planned", path(forecast.planned()));
        if (rate == null && decayStart == null && low == null && total == null) {
            return view;
        }
        long end = total == null ? forecast.total() : total;
        double level = rate == null ? forecast.rate() : rate;
        long start = decayStart == null ? end : decayStart;
        RunForecast.Design design = new RunForecast.Design(
                level, start, low == null ? start < end ? 0 : level : low, end);
        try {
            ObjectNode designed = path(forecast.designed(design));
            designed.set("effect", loss(forecast.effect(design)));
            designed.put("megatron", String.join(" ", ScheduleArguments.megatron(forecast.shape(design))));
            designed.put("deepSpeed", ScheduleArguments.deepSpeed(forecast.shape(design)));
            view.set("designed", designed);
        } catch (IllegalArgumentException e) {
            throw RefusedException.badParameter(String.valueOf(e.getMessage()));
        }
        return view;
    }

    private static ObjectNode path(RunForecast.Path path) {
        ObjectNode view = MAPPER.createObjectNode();
        ArrayNode steps = view.putArray("steps");
        path.steps().forEach(steps::add);
        ArrayNode rates = view.putArray("learningRate");
        path.learningRate().forEach(rates::add);
        ArrayNode losses = view.putArray("loss");
        ArrayNode lows = view.putArray("low90");
        ArrayNode highs = view.putArray("high90");
        for (LossBand.At at : path.loss()) {
            losses.add(at.loss());
            lows.add(at.low());
            highs.add(at.high());
        }
        view.set("final", loss(path.end()));
        return view;
    }

    private static ObjectNode loss(LossBand.At at) {
        return MAPPER.createObjectNode()
                .put("loss", at.loss())
                .put("low90", at.low())
                .put("high90", at.high());
    }
}

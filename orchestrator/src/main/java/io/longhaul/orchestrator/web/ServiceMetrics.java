package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunPhase;
import io.longhaul.orchestrator.run.RunState;
import io.longhaul.orchestrator.run.RunStore;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Stream;

/** What Prometheus sees of the runs. Labels are bounded: phases, kinds; a run's own figures are in the API. */
public final class ServiceMetrics {
    private final Counter records;
    private final Counter bytes;
    private final Timer reconcile;

    public ServiceMetrics(MeterRegistry registry, RunStore store, RunEngine engine) {
        this.records = Counter.builder("longhaul.agent.records")
                .description("records stored or recognised as repeated")
                .register(registry);
        this.bytes = Counter.builder("longhaul.agent.bytes")
                .baseUnit("bytes")
                .description("compressed bytes received from agents")
                .register(registry);
        this.reconcile = Timer.builder("longhaul.reconcile")
                .description("comparing what a run needs with what there is, and acting on it")
                .register(registry);
        for (RunPhase phase : RunPhase.values()) {
            Gauge.builder("longhaul.runs",
                    () -> states(store, engine).filter(s -> s.phase() == phase).count())
                    .tag("phase", phase.name().toLowerCase(Locale.ROOT))
                    .description("runs by phase")
                    .register(registry);
        }
        Gauge.builder(
                "longhaul.incidents.open",
                () -> states(store, engine)
                        .flatMap(s -> s.incidents().stream())
                        .filter(i -> i.closedAt().isEmpty())
                        .count())
                .description("incidents that are not closed")
                .register(registry);
    }

    private static Stream<RunState> states(RunStore store, RunEngine engine) {
        return store.runs().stream().flatMap(id -> engine.run(id).stream()).map(run -> run.state());
    }

    /** Notes how long a step of a run took. */
    public void stepped(Duration took) {
        reconcile.record(took);
    }

    /** Counts a batch of an agent. */
    void received(int count, int size) {
        records.increment(count);
        bytes.increment(size);
    }
}

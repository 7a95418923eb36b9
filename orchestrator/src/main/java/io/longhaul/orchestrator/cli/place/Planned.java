package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.orchestrator.cli.Homes;
import io.longhaul.orchestrator.cli.Specs;
import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.plan.WorkerTools;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.cluster.Machine;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A RunSpec for a described cluster, and what {@code longhaul plan} says of it. */
record Planned(RunSpec spec, Machine.Cluster machine, JsonNode view) {

    static RunSpec spec(Path file) {
        RunSpec spec = RunSpecReader.read(Specs.read(file));
        if (!(spec.cluster() instanceof Cluster.Described)) {
            throw new ApiException(ExitCodes.USAGE,
                    "/cluster/kind is this-machine: allowed is described; one machine has nothing to place");
        }
        return spec;
    }

    static Planned of(Path file) {
        RunSpec spec = spec(file);
        WorkerTools tools = new WorkerTools(
                Path.of(Homes.setting("LONGHAUL_WORKER", "worker")).toAbsolutePath(),
                Homes.setting("LONGHAUL_PYTHON", "/usr/bin/python3"));
        String view = new PlanService(tools, Homes.home(null).resolve("corpus")).plan(spec).view();
        return new Planned(spec, machine(spec), new JsonMapper().readTree(view));
    }

    static Machine.Cluster machine(RunSpec spec) {
        return PlanService.cluster((Cluster.Described) spec.cluster());
    }

    /** Degree of a parallel axis. */
    int degree(String axis) {
        return view.path("layout").path(axis).asInt(1);
    }

    int number(String field) {
        return view.path(field).asInt(1);
    }

    double stepSeconds() {
        return view.path("stepSeconds").asDouble();
    }
}

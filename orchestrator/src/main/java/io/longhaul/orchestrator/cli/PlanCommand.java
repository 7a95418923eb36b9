package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.plan.PlannedRun;
import io.longhaul.orchestrator.plan.WorkerTools;
import io.longhaul.orchestrator.run.RunSpecReader;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul plan}. */
@Command(name = "plan", mixinStandardHelpOptions = true, description = "Plans a RunSpec and explains the plan. Needs no service; measures this machine if that is the cluster.")
final class PlanCommand implements Runnable {
    @Parameters(paramLabel = "FILE", description = "RunSpec as YAML or JSON, - for standard input")
    private Path file = Path.of("-");

    @Option(names = "--json", description = "print everything as JSON")
    private boolean json;

    @Option(names = "--launch", description = "print the launch command and configuration only")
    private boolean launch;

    @Override
    public void run() {
        Path worker = Path.of(Homes.setting("LONGHAUL_WORKER", "worker")).toAbsolutePath();
        WorkerTools tools = new WorkerTools(worker, Homes.setting("LONGHAUL_PYTHON", "/usr/bin/python3"));
        PlannedRun plan = new PlanService(tools, Homes.home(null).resolve("corpus"))
                .plan(RunSpecReader.read(Specs.read(file)));
        JsonMapper mapper = new JsonMapper();
        JsonNode view = mapper.readTree(plan.view());
        if (json) {
            System.out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(view));
        } else if (launch) {
            System.out.print(PlanText.launch(view));
        } else {
            System.out.print(PlanText.plan(view));
        }
    }
}

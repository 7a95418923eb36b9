package io.longhaul.orchestrator.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul run ...}: runs of a service. */
@Command(name = "run", mixinStandardHelpOptions = true, description = "Submits and looks after runs of a service.")
final class RunCommand {
    /** Options of every command that talks to a service. */
    static final class Service {
        @Option(names = "--url", description = "address of the service (default: that of the usual home)")
        private @Nullable String url;

        @Option(names = "--json", description = "print JSON")
        private boolean json;

        ApiClient client() {
            return new ApiClient(url != null ? url : Homes.url());
        }

        void print(JsonNode answer, Function<JsonNode, String> text) {
            System.out.println(json
                    ? new JsonMapper().writerWithDefaultPrettyPrinter().writeValueAsString(answer)
                    : text.apply(answer));
        }
    }

    private static final List<String> ENDED = List.of("completed", "failed", "stopped");

    @Command(mixinStandardHelpOptions = true, description = "Submits a RunSpec; with --follow waits for its end.")
    int submit(
            @Mixin Service service,
            @Parameters(paramLabel = "FILE", description = "RunSpec as YAML or JSON, - for standard input") Path file,
            @Option(names = "--follow", description = "print events until the run ends") boolean follow) {
        ApiClient client = service.client();
        JsonNode run = client.submit(Specs.read(file));
        String id = run.path("id").asString("");
        print(service, run, id + "  " + client.url() + "/runs/" + id);
        return follow ? follow(client, id) : ExitCodes.OK;
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists the runs, newest first.")
    void list(@Mixin Service service) {
        JsonNode runs = service.client().runs();
        StringBuilder out = new StringBuilder(
                String.format("%-36s  %-20s %-10s %15s %8s%n", "ID", "NAME", "PHASE", "STEP", "LOSS"));
        for (JsonNode run : runs.path("runs")) {
            out.append(
                    String.format(
                            Locale.ROOT, "%-36s  %-20s %-10s %7d/%-7d %8s%n", run.path("id").asString(""),
                            run.path("name").asString(""), run.path("phase").asString(""),
                            run.path("step").asLong(),
                            run.path("totalSteps").asLong(), loss(run)));
        }
        print(service, runs, out.toString().stripTrailing());
    }

    @Command(mixinStandardHelpOptions = true, description = "Shows a run: phase, attempts, incidents, changes of recipe.")
    void show(@Mixin Service service,
            @Parameters(paramLabel = "ID", description = "id of the run") String id) {
        JsonNode run = service.client().run(id);
        StringBuilder out = new StringBuilder(
                String.format(
                        Locale.ROOT, "%s  %s, step %d of %d, loss %s%n", run.path("name").asString(""),
                        run.path("phase").asString(""), run.path("step").asLong(),
                        run.path("totalSteps").asLong(),
                        loss(run)));
        if (run.has("waitingFor")) {
            out.append("waits: ").append(run.path("waitingFor").path("message").asString("")).append('\n');
            out.append("  do: ").append(run.path("waitingFor").path("action").asString("")).append('\n');
        }
        for (JsonNode attempt : run.path("attempts")) {
            out.append(
                    String.format(
                            "attempt %d  steps %d to %d  %s %s%n", attempt.path("number").asLong(),
                            attempt.path("resumeStep").asLong() + 1, attempt.path("lastStep").asLong(),
                            attempt.path("outcome").asString(""), attempt.path("cause").asString("")));
        }
        for (JsonNode incident : run.path("incidents")) {
            out.append(
                    String.format(
                            "%-9s %s%n          %s (%s)%n", incident.path("kind").asString(""),
                            incident.path("summary").asString(""), incident.path("action").asString(""),
                            incident.path("status").asString("")));
        }
        for (JsonNode change : run.path("recipeChanges")) {
            out.append(
                    String.format(
                            "change %s (%s): %s%n", change.path("id").asString(""),
                            change.path("status").asString(""),
                            change.path("explanation").asString("")));
        }
        print(service, run, out.toString().stripTrailing());
    }

    @Command(mixinStandardHelpOptions = true, description = "Says of every incident what was decided, why, what it was expected to cost, and why nothing else was done.")
    void why(@Mixin Service service,
            @Parameters(paramLabel = "ID", description = "id of the run") String id) {
        JsonNode run = service.client().run(id);
        print(service, run.path("incidents"), DecisionText.of(run));
    }

    @Command(mixinStandardHelpOptions = true, description = "Plans what is left of a run, and says whether a change to that plan pays. Changes nothing.")
    void replan(@Mixin Service service,
            @Parameters(paramLabel = "ID", description = "id of the run") String id,
            @Option(names = "--storage-gbps", paramLabel = "GB/S", description = "rate at which all ranks together read a checkpoint; usual is ${DEFAULT-VALUE}", defaultValue = "10") double storage) {
        JsonNode plan = service.client().replan(id, storage);
        print(service, plan, "from  " + plan.path("move").path("layout").asString("") + "\nto    "
                + plan.path("move").path("to").asString("") + "\n"
                + plan.path("move").path("text").asString(""));
    }

    @Command(mixinStandardHelpOptions = true, description = "Prints a run's events; with --follow until it ends.")
    int events(
            @Mixin Service service,
            @Parameters(paramLabel = "ID", description = "id of the run") String id,
            @Option(names = "--follow", description = "go on until the run ends") boolean follow) {
        if (follow) {
            return follow(service.client(), id);
        }
        printEvents(service.client(), id, 0);
        return ExitCodes.OK;
    }

    @Command(mixinStandardHelpOptions = true, description = "Stops a run after a checkpoint.")
    void stop(@Mixin Service service,
            @Parameters(paramLabel = "ID", description = "id of the run") String id) {
        JsonNode run = service.client().stop(id);
        print(service, run, "stopping " + id);
    }

    @Command(mixinStandardHelpOptions = true, description = "Lets a run that waits for a person go on, or approves a proposed change of recipe.")
    void approve(@Mixin Service service, @Mixin Asked asked) {
        service.print(asked.answer(service.client(), "approve"), run -> "approved");
    }

    @Command(mixinStandardHelpOptions = true, description = "Ends a run that waits for a person, or rejects a proposed change of recipe.")
    void reject(@Mixin Service service, @Mixin Asked asked) {
        service.print(asked.answer(service.client(), "reject"), run -> "rejected");
    }

    /** What is answered. */
    private static final class Asked {
        @Parameters(index = "0", paramLabel = "ID", description = "id of the run")
        private String id = "";

        @Parameters(index = "1", arity = "0..1", paramLabel = "CHANGE", description = "id of a change of recipe, see show; without it what the run waits for")
        private @Nullable String change;

        private JsonNode answer(ApiClient client, String answer) {
            return change == null ? client.answer(id, answer) : client.answer(id, change, answer);
        }
    }

    private static int follow(ApiClient client, String id) {
        long after = 0;
        while (true) {
            after = printEvents(client, id, after);
            String phase = client.run(id).path("phase").asString("");
            if (ENDED.contains(phase)) {
                printEvents(client, id, after);
                return phase.equals("completed") ? ExitCodes.OK : ExitCodes.RUN_FAILED;
            }
            try {
                TimeUnit.MILLISECONDS.sleep(500);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return ExitCodes.INTERRUPTED;
            }
        }
    }

    private static long printEvents(ApiClient client, String id, long from) {
        long after = from;
        while (true) {
            JsonNode page = client.events(id, after);
            for (JsonNode event : page.path("events")) {
                System.out.printf("%s  %-18s %s%n", event.path("at").asString(""),
                        event.path("type").asString(""),
                        event.path("text").asString(""));
            }
            long next = page.path("next").asLong();
            if (next == after) {
                return after;
            }
            after = next;
        }
    }

    private static String loss(JsonNode run) {
        return run.path("loss").isNumber()
                ? String.format(Locale.ROOT, "%.4f", run.path("loss").asDouble())
                : "-";
    }

    private static void print(Service service, JsonNode json, String text) {
        service.print(json, answer -> text);
    }
}

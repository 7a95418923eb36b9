package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.explain.Relaxation;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.legal.Capability;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.schedule.StepReplay;
import io.longhaul.planner.search.Choices;
import io.longhaul.planner.search.Goal;
import io.longhaul.planner.search.ParetoFront;
import io.longhaul.planner.search.Plan;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.PlanResult;
import io.longhaul.planner.search.Planner;
import io.longhaul.planner.search.SearchControl;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/** Plans runs with the planner library; measures this machine when that is what a run is to use. */
public final class PlanService implements PlanPort, ReplanPort {
    private static final int MOST_LOCAL_RANKS = 8;
    private static final int AMPERE = 80;

    private final WorkerTools tools;
    private final Path corpus;
    private final Optional<Constants> calibrated;

    /** @param corpus where a text corpus is built for runs on this machine that name no data */
    public PlanService(WorkerTools tools, Path corpus) {
        this(tools, corpus, Optional.empty());
    }

    /** @param calibrated constants of the clusters that are planned for; empty takes those that ship */
    public PlanService(WorkerTools tools, Path corpus, Optional<Constants> calibrated) {
        this.tools = tools;
        this.corpus = corpus;
        this.calibrated = calibrated;
    }

    @Override
    public PlannedRun plan(RunSpec spec) {
        return explain(spec, false, Questions.NONE, SearchControl.PLAIN).plan();
    }

    @Override
    public PlannedRun replan(RunSpec spec, Questions.Running running) {
        Questions questions = new Questions(Optional.empty(), false, false, false, Optional.of(running));
        return explain(spec, false, questions, SearchControl.PLAIN).plan();
    }

    /** @param replay of the schedule of one step, of a pipeline on a described cluster */
    public record Explained(PlannedRun plan, Optional<StepReplay> replay) {}

    /** Plans, up to the critical batch if one is given, and answers questions about the plan in its view. */
    public Explained explain(RunSpec spec, Questions questions, SearchControl control) {
        return explain(spec, true, questions, control);
    }

    private Explained explain(RunSpec spec, boolean chooseBatch, Questions questions, SearchControl control) {
        Machine machine = machine(spec);
        if (spec.cluster() instanceof Cluster.ThisMachine && spec.training().data().isEmpty()) {
            tools.buildCorpus(corpus);
        }
        Machine used = Aims.used(spec, machine);
        refuseWhatFitsInNoWay(spec, used);
        PlanRequest request = request(spec, used).withGoal(Aims.goal(spec, chooseBatch));
        PlanResult result = Planner.plan(request, control);
        Plan best = result.best().orElseThrow(() -> none(request, result));
        RunSpec chosen = spec.withGlobalBatch(best.layout().globalBatch());
        PlanRequest onPart = request.withGoal(Goal.TIME)
                .on(result.machine(), best.layout().globalBatch());
        ObjectNode view = PlanJson.view(chosen, result, onPart.machine(), machine.ranks());
        questions.answer(view, onPart, result);
        if (questions.pareto()) {
            view.set("pareto", PlanJson.pareto(spec, ParetoFront.of(
                    request.withGoal(Aims.goal(spec, false).withParts(true)))));
        }
        List<String> limits = chosen == spec
                ? List.of()
                : List.of("the learning rate is still that of batch " + spec.training().recipe().globalBatch()
                        + ", the plan is for " + best.layout().globalBatch());
        return planned(chosen, onPart, best, view, limits);
    }

    private Explained planned(RunSpec spec, PlanRequest request, Plan best, ObjectNode view,
            List<String> limits) {
        Machine machine = request.machine();
        Optional<StepReplay> replay = machine instanceof Machine.Cluster
                ? StepReplay.of(new CostModel(request.model(), machine, request.software()),
                        request.model().layers(),
                        best.layout())
                : Optional.empty();
        replay.ifPresent(r -> view.putObject("schedule")
                .put("replaySeconds", r.seconds())
                .put("idleShare", r.timeline().idleShare()));
        PlannedRun plan = planned(spec, best, machine, view.toString());
        ObjectNode launch = view.putObject("launch");
        LaunchContext first = new LaunchContext(spec.training().recipe(), 0, List.of(), data(spec),
                "CHECKPOINTS");
        launch.put("framework", spec.framework().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        RankProcess process = rankProcess(spec, plan, first);
        launch.put("frameworkVersion", spec.frameworkVersion().toString());
        launch.set("command", PlanJson.tree(process.command()));
        launch.set("environment", PlanJson.tree(process.environment()));
        launch.put("config", LaunchRenderer.config(spec, plan));
        launch.set("limits", PlanJson.tree(
                Stream.concat(limits.stream(), LaunchRenderer.limits(spec, plan, machine).stream())
                        .toList()));
        return new Explained(planned(spec, best, machine, view.toString()), replay);
    }

    /** Weights of a byte each, spread over all ranks, are the least: a search would try every layout in vain. */
    private static void refuseWhatFitsInNoWay(RunSpec spec, Machine machine) {
        if (machine instanceof Machine.Cluster cluster) {
            double bytes = spec.model().shape().parameters() / (double) cluster.ranks();
            double most = cluster.accelerator().memoryBytes();
            if (bytes > most) {
                throw new NoPlanException(String.format(
                        Locale.ROOT,
                        "does not fit in memory: a rank's share of the weights alone needs %.1f of %.1f GB",
                        bytes / 1e9, most / 1e9));
            }
        }
    }

    private static NoPlanException none(PlanRequest request, PlanResult result) {
        OptionalInt nodes = result.certificate().proven() ? Relaxation.nodes(request) : OptionalInt.empty();
        return new NoPlanException(
                result.reason() + (nodes.isPresent() ? "; " + nodes.getAsInt() + " nodes have a plan" : ""));
    }

    private static PlannedRun planned(RunSpec spec, Plan best, Machine machine, String view) {
        int perPod = spec.kubernetes().flatMap(PodTemplate::ranks).orElse(machine.ranksPerNode());
        return new PlannedRun(
                best.layout(), machine.nodes() * (machine.ranksPerNode() / perPod), perPod,
                best.stepSeconds(),
                best.tokensPerSecond(), view);
    }

    @Override
    public RankProcess rankProcess(RunSpec spec, PlannedRun plan, LaunchContext context) {
        return new RankProcess(LaunchRenderer.command(spec, plan, context, python(spec)),
                environment(spec, plan));
    }

    private String python(RunSpec spec) {
        return spec.kubernetes().map(PodTemplate::python).orElse(tools.python());
    }

    private Map<String, String> environment(RunSpec spec, PlannedRun plan) {
        Map<String, String> environment = new LinkedHashMap<>(
                LaunchRenderer.environment(spec, plan, tools.worker()));
        // An image knows by itself where the trainer is.
        spec.kubernetes().ifPresent(pods -> environment.remove("PYTHONPATH"));
        return environment;
    }

    /** Directory of the run's training data on the workers' machines. */
    public String data(RunSpec spec) {
        return spec.training().data().orElse(corpus.toString());
    }

    private Machine machine(RunSpec spec) {
        return switch (spec.cluster()) {
            case Cluster.ThisMachine m ->
                tools.probe(spec.model(), m.ranks() > 0 ? m.ranks() : usualRanks(spec));
            case Cluster.Described d -> {
                Machine.Cluster cluster = cluster(d);
                yield calibrated.map(cluster::with).orElse(cluster);
            }
        };
    }

    /** A cluster as it is described. */
    public static Machine.Cluster cluster(Cluster.Described d) {
        return new Machine.Cluster(
                Accelerator.named(d.accelerator()).orElseThrow(), d.nodes(), d.devicesPerNode(),
                d.intraNodeGBps() * 1e9, d.interNodeGBps() * 1e9);
    }

    /**
     * One rank per core, as a power of two, unless the user's layout says how many; of a layout that is fixed in part the
     * multiple next to that.
     */
    private static int usualRanks(RunSpec spec) {
        int usual = Math.min(MOST_LOCAL_RANKS,
                Integer.highestOneBit(Runtime.getRuntime().availableProcessors()));
        return spec.layout()
                .map(
                        l -> l.whole()
                                ? Math.toIntExact(l.ranks())
                                : Math.toIntExact(l.ranks() * Math.max(1, usual / l.ranks())))
                .orElse(usual);
    }

    /** Over all that the framework's version runs. */
    private static PlanRequest request(RunSpec spec, Machine machine) {
        PlanRequest request = new PlanRequest(
                spec.model().shape(), machine, spec.training().recipe().globalBatch(),
                Legality.of(spec.framework().trainer(), spec.frameworkVersion()))
                .withChoices(Choices.ALL.with(precisions(spec, machine), spec.planning().optimizers()));
        return spec.layout().map(request::withFixed).orElse(request);
    }

    /** Devices before Ampere have no matrix units for bf16, so that fp16 stands for it there. */
    private static List<Precision> precisions(RunSpec spec, Machine machine) {
        int capability = machine instanceof Machine.Cluster cluster
                ? Capability.of(cluster.accelerator().name())
                : 0;
        return spec.planning()
                .precisions()
                .stream()
                .map(p -> p == Precision.BF16 && capability > 0 && capability < AMPERE ? Precision.FP16 : p)
                .distinct()
                .toList();
    }
}

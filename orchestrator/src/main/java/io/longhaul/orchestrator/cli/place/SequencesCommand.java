package io.longhaul.orchestrator.cli.place;

import io.longhaul.orchestrator.cli.ApiException;
import io.longhaul.orchestrator.cli.ExitCodes;
import io.longhaul.orchestrator.cli.Specs;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.planner.cost.CostModel;
import io.longhaul.planner.cost.StepCost;
import io.longhaul.planner.cost.Term;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Sharding;
import io.longhaul.planner.memory.MemoryModel;
import io.longhaul.planner.memory.StageMemory;
import io.longhaul.planner.place.LengthHistogram;
import io.longhaul.planner.place.SequenceCost;
import io.longhaul.planner.place.SequencePlan;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** {@code longhaul place sequences}. */
@Command(name = "sequences", mixinStandardHelpOptions = true, description = "Gives sequences of many lengths as many ranks as each needs, and says what that saves against one size for all.")
final class SequencesCommand implements Runnable {
    @Parameters(index = "0", paramLabel = "FILE", description = "RunSpec with a described cluster; globalBatch is sequences per step")
    private Path file = Path.of("-");

    @Parameters(index = "1", paramLabel = "LENGTHS", description = "CSV of the corpus: longest,count")
    private Path lengthFile = Path.of("-");

    @Option(names = "--tensor", defaultValue = "1", paramLabel = "T", description = "tensor-parallel ranks (default: ${DEFAULT-VALUE})")
    private int tensor;

    @Option(names = "--tokens-per-rank", paramLabel = "N", description = "tokens that fit into a rank's memory (default: by the memory model)")
    private int tokensPerRank;

    @Option(names = "--recompute", defaultValue = "SELECTIVE", description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    private Recompute.Kind recompute = Recompute.Kind.SELECTIVE;

    @Override
    public void run() {
        RunSpec spec = Planned.spec(file);
        int ranks = Planned.machine(spec).ranks();
        LengthHistogram lengths = LengthFile.read(lengthFile);
        if (tensor < 1 || ranks % tensor != 0 || Planned.machine(spec).ranksPerNode() % tensor != 0) {
            throw new ApiException(ExitCodes.USAGE,
                    "--tensor is " + tensor + ": allowed is a divisor of the "
                            + Planned.machine(spec).ranksPerNode()
                            + " ranks of a node");
        }
        if (tokensPerRank < 0) {
            throw new ApiException(ExitCodes.USAGE,
                    "--tokens-per-rank is " + tokensPerRank
                            + ": allowed is a number of tokens >= 1, or nothing");
        }
        int domain = ranks / tensor;
        SequenceCost cost = cost(spec, domain);
        SequencePlan plan;
        try {
            plan = SequencePlan.best(lengths, domain, spec.training().recipe().globalBatch(), cost);
        } catch (IllegalArgumentException e) {
            throw new ApiException(ExitCodes.USAGE,
                    e.getMessage() + "; raise --tensor, recompute more or add nodes");
        }
        print("domain      %d ranks for data and context, tensor %d; %,d tokens fit into a rank", domain,
                tensor,
                cost.tokensPerRank());
        print("limit       %,d tokens per rank", plan.tokensPerRank());
        print("step        %.3f s on average, 95 %% within %.3f s; bound %.3f s", plan.seconds(),
                plan.slowSeconds(),
                plan.boundSeconds());
        print("imbalance   slowest rank %.1f %% above the mean", 100 * plan.imbalance());
        print("one size    %.3f s with every sequence on as many ranks as the longest needs: %.2f times as long",
                plan.fixedSeconds(), plan.fixedSeconds() / plan.seconds());
        print("%n%6s %21s %11s %9s %7s", "ranks", "tokens", "sequences", "tokens", "work");
        for (SequencePlan.Line line : plan.table()) {
            print("%6d %10d-%-10d %9.2f %% %7.1f %% %5.1f %%", line.ranks(), line.shortest(), line.longest(),
                    100 * line.sequences(), 100 * line.tokens(), 100 * line.work());
        }
        if (Integer.bitCount(domain) == 1 && spec.framework() == RunSpec.Framework.MEGATRON_LM) {
            print("%nMegatron-LM from core_v0.16.1 on, without a pipeline and with packed sequences:%n"
                    + "  --hybrid-context-parallel --max-seqlen-per-dp-cp-rank %d --calculate-per-token-loss%n"
                    + "  --dataloader-type single --tensor-model-parallel-size %d", plan.tokensPerRank(),
                    tensor);
        } else {
            print("%nadvice only: Megatron-LM from core_v0.16.1 on runs this on a power of two of ranks, without a pipeline;"
                    + "%nthe other trainers do not");
        }
    }

    /** As many tokens in one long sequence and in two halves: attention takes half as long in these, nothing else does. */
    private SequenceCost cost(RunSpec spec, int domain) {
        double length = spec.model().sequenceLength();
        double whole = compute(spec, 1);
        double square = Math.max(0, 2 * (whole - compute(ofLength(spec.model().sequenceLength() / 2), 2)))
                / length
                / length;
        double linear = whole / length - square * length;
        double exchange = 2 / length * price(spec, layout(domain, 2, 1)).of(Term.CONTEXT);
        return new SequenceCost(square, linear, exchange,
                tokensPerRank > 0 ? tokensPerRank : fitting(spec, domain));
    }

    private RunSpec ofLength(int length) {
        ObjectNode tree = (ObjectNode) new YAMLMapper().readTree(Specs.read(file));
        ((ObjectNode) tree.path("model")).put("sequenceLength", length);
        return RunSpecReader.read(tree.toString());
    }

    private double compute(RunSpec spec, int microBatch) {
        StepCost cost = price(spec, layout(1, 1, microBatch));
        return cost.of(Term.COMPUTE) + cost.of(Term.HEAD) + cost.of(Term.RECOMPUTE) + cost.of(Term.TENSOR);
    }

    private static StepCost price(RunSpec spec, ParallelLayout layout) {
        return new CostModel(spec.model().shape(), Planned.machine(spec)).price(layout);
    }

    private ParallelLayout layout(int data, int context, int microBatch) {
        return ParallelLayout.of(tensor, context, 1, Math.max(1, data / context), microBatch, 1)
                .withSharding(data > 1 ? Sharding.stage(1) : Sharding.NONE)
                .withRecompute(
                        recompute == Recompute.Kind.FULL
                                ? Recompute.FULL
                                : recompute == Recompute.Kind.NONE ? Recompute.NONE : Recompute.SELECTIVE);
    }

    /** Activations grow with the tokens: one sequence more tells by how much. */
    private int fitting(RunSpec spec, int domain) {
        MemoryModel memory = new MemoryModel(spec.model().shape(), Planned.machine(spec));
        StageMemory one = memory.stages(layout(domain, 1, 1)).getFirst();
        double more = memory.stages(layout(domain, 1, 2)).getFirst().totalBytes() - one.totalBytes();
        double free = one.capacityBytes() - one.totalBytes() + more;
        double tokens = spec.model().sequenceLength() * free / more;
        if (!(tokens >= 1)) {
            throw new ApiException(ExitCodes.FAILED,
                    "nothing fits: a rank's weights leave no room for tokens; raise --tensor or add nodes");
        }
        return (int) Math.min(tokens, 1 << 30);
    }

    private static void print(String format, Object... values) {
        System.out.printf(Locale.ROOT, format + "%n", values);
    }
}

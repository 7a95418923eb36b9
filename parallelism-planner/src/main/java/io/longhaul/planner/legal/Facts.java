package io.longhaul.planner.legal;

import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The numbers of one request and one layout, as rules read them. Made once per request and filled again for every
 * layout, so that a search allocates nothing; one thread at a time.
 */
public final class Facts {
    private final long[] values;
    /** Of which the facts are set. */
    private @Nullable LayerSplit known;

    private Facts(long[] values) {
        this.values = values;
    }

    /** Facts of a request; the layout is one rank that does everything until another one is set. */
    public static Facts of(ModelShape model, Machine machine, int globalBatch) {
        int capability = machine instanceof Machine.Cluster cluster
                ? Capability.of(cluster.accelerator().name())
                : 0;
        return of(model, machine.ranks(), machine.ranksPerNode(), capability, globalBatch);
    }

    /** The same for ranks of which only the number is known. */
    public static Facts of(ModelShape model, long ranks, long ranksPerNode, int capability, int globalBatch) {
        Facts facts = new Facts(new long[Fact.values().length]);
        facts.set(Fact.WORLD, ranks);
        facts.set(Fact.NODE, ranksPerNode);
        facts.set(Fact.CAPABILITY, capability);
        facts.set(Fact.LAYERS, model.layers());
        facts.set(Fact.HIDDEN, model.hiddenSize());
        facts.set(Fact.FFN, model.ffnHiddenSize());
        facts.set(Fact.HEADS, model.attentionHeads());
        facts.set(Fact.GROUPS, model.kvHeads());
        facts.set(Fact.VOCAB, model.vocabSize());
        facts.set(Fact.SEQ, model.sequenceLength());
        facts.set(Fact.EXPERTS, model.experts());
        facts.set(Fact.EXPERT_FFN, model.mixtureOfExperts() ? model.expertFfnHiddenSize() : 0);
        facts.set(Fact.GBS, globalBatch);
        return facts.layout(ParallelLayout.of(1, 1, 1, 1, 1, 1));
    }

    public Facts copy() {
        return new Facts(values.clone());
    }

    private void degrees(int tensor, int context, int pipeline, int data, int expert, int expertTensor) {
        set(Fact.TP, tensor);
        set(Fact.CP, context);
        set(Fact.PP, pipeline);
        set(Fact.DP, data);
        set(Fact.EP, expert);
        set(Fact.ETP, expertTensor);
    }

    /** Everything of a layout. */
    public Facts layout(ParallelLayout layout) {
        degrees(layout.tensor(), layout.context(), layout.pipeline(), layout.data(), layout.expert(),
                layout.expertTensor());
        set(Fact.VPP, layout.chunks());
        set(Fact.MBS, layout.microBatch());
        derive();
        set(Fact.SP, layout.sequenceParallel());
        set(Fact.SCHEDULE, layout.schedule().ordinal());
        LayerSplit split = layout.split().orElse(null);
        // A search asks of one split thousands of times.
        if (split != known || split == null) {
            set(Fact.UNEVEN, split == null ? 0 : uneven(split));
            set(Fact.SPLIT_LAYERS, split == null ? get(Fact.LAYERS) : split.total());
            known = split;
        }
        set(Fact.VOCABULARY_PARALLEL, layout.vocabularyParallel());
        set(Fact.CONTEXT_KIND, layout.contextKind().ordinal());
        set(Fact.STAGE, layout.sharding().stage());
        set(Fact.REPLICAS, layout.sharding().replicas());
        Recompute recompute = layout.recompute();
        set(Fact.RECOMPUTE, recompute.kind().ordinal());
        set(Fact.RECOMPUTE_LAYERS, recompute.layers() == Integer.MAX_VALUE ? 0 : recompute.layers());
        set(Fact.OFFLOAD_ACTIVATIONS, thousandths(layout.offload().activations()));
        set(Fact.OFFLOAD_OPTIMIZER, thousandths(layout.offload().optimizer()));
        set(Fact.PRECISION, layout.precision().ordinal());
        set(Fact.OPTIMIZER, layout.optimizer().ordinal());
        return this;
    }

    /** Batch ramp-up from {@code start} by {@code increment}; zeros for none. */
    public Facts rampUp(int start, int increment) {
        set(Fact.RAMP_START, start);
        set(Fact.RAMP_STEP, increment);
        return this;
    }

    /** Sizes of a step batch schedule; empty for none. */
    public Facts scheduledBatches(List<Integer> sizes) {
        set(Fact.STEP_BATCHES, sizes.stream().mapToLong(Integer::longValue).reduce(0, Facts::divisor));
        return this;
    }

    private static long divisor(long a, long b) {
        return b == 0 ? a : divisor(b, a % b);
    }

    public long get(Fact fact) {
        return values[fact.ordinal()];
    }

    /** Facts by ordinal, live. */
    long[] values() {
        return values;
    }

    /** Another value of one fact; what depends on it follows. */
    Facts with(Fact fact, long value) {
        set(fact, value);
        if (fact == Fact.TP || fact == Fact.CP || fact == Fact.PP) {
            long share = Math.max(1, get(Fact.TP) * get(Fact.CP) * get(Fact.PP));
            set(Fact.DP, Math.max(1, get(Fact.WORLD) / share));
            if (fact == Fact.TP && get(Fact.EXPERTS) == 0) {
                set(Fact.ETP, value);
            }
        }
        derive();
        return this;
    }

    private void derive() {
        set(Fact.M, get(Fact.GBS) / Math.max(1, get(Fact.MBS) * get(Fact.DP)));
        set(Fact.GROUP, get(Fact.PP));
        set(Fact.CP_INNER, contextInNode(get(Fact.CP), get(Fact.TP), get(Fact.NODE)));
    }

    /** Ranks of a hierarchical context group that lie in one node: they exchange heads, the others form rings. */
    public static long contextInNode(long context, long tensor, long ranksPerNode) {
        return divisor(context, Math.max(1, ranksPerNode / Math.max(1, tensor)));
    }

    private void set(Fact fact, boolean value) {
        set(fact, value ? 1 : 0);
    }

    private void set(Fact fact, long value) {
        values[fact.ordinal()] = value;
    }

    private static int uneven(LayerSplit split) {
        List<Integer> layers = split.layers();
        boolean middleEven = true;
        boolean empty = layers.getFirst() == 0 || layers.getLast() == 0;
        for (int i = 1; i < layers.size() - 1; i++) {
            middleEven &= layers.get(i).equals(layers.get(1));
            empty |= layers.get(i) == 0;
        }
        if (!middleEven || empty) {
            return 2;
        }
        int middle = layers.get(layers.size() > 2 ? 1 : 0);
        return layers.getFirst() == middle && layers.getLast() == middle ? 0 : 1;
    }

    private static long thousandths(double share) {
        // A share that is not nothing must not look like nothing.
        return share > 0 ? Math.max(1, Math.round(1000 * share)) : 0;
    }

    /** A fact's value for people: choices by name. */
    String show(Fact fact) {
        long value = get(fact);
        return Names.choices(fact)
                .map(all -> all[(int) value].name().toLowerCase(Locale.ROOT).replace('_', '-'))
                .orElse(Long.toString(value));
    }
}

package io.longhaul.planner.cost;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Group;
import io.longhaul.planner.cluster.Links;
import io.longhaul.planner.constants.Constant;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.model.ModelShape;

/**
 * Seconds of one layer and one micro-batch: multiplications and attention by their shapes, elementwise kernels by their
 * bytes, traffic by its groups (Korthikanti et al. 2022, section 4; Liu et al. 2023; Jacobs et al. 2023; Lepikhin et
 * al. 2020).
 */
final class Layers {
    private static final double BYTES = 2;
    /** Backward over forward of fused attention, which computes the scores again (Dao 2023). */
    private static final double FUSED_BACKWARD = 2.5;
    private static final double ELEMENTWISE_BACKWARD = 1.5;
    /** Bytes per score: products written, softmax and dropout read and write, read by the second product. */
    private static final double SCORE_BYTES_FORWARD = 13;
    private static final double SCORE_BYTES_BACKWARD = 19;
    /** Per value of a routed token, forward: passes in 2 bytes to its expert's place and back. */
    private static final double SORT_BYTES = 24;
    private static final double SORT_BYTES_FUSED = 4;
    private static final double KERNELS_FORWARD = 30;
    private static final double KERNELS_EXPERTS = 80;
    private static final double KERNELS_EXPERTS_FUSED = 20;
    /** Kernels of a backward pass over those of the forward pass. */
    private static final double BACKWARD_KERNELS = 1.8;

    private final ModelShape model;
    private final Constants constants;
    private final Software software;
    private final Kernels kernels;
    private final Links links;

    Layers(ModelShape model, Accelerator device, Constants constants, Software software, Links links) {
        this.model = model;
        this.constants = constants;
        this.software = software;
        this.kernels = new Kernels(device, constants);
        this.links = links;
    }

    double tokens(ParallelLayout c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context();
    }

    /** A layer with experts, or a dense one. */
    LayerCost layer(ParallelLayout c, boolean experts) {
        double n = tokens(c);
        int t = c.tensor();
        double products = attentionProducts(c, n, t)
                + (experts ? sharedExperts(c, n, t) : feedForward(c, n, t, model.ffnHiddenSize()));
        double expertProducts = experts ? expertProducts(c, n, t) : 0;
        double sorts = experts ? sorts(n / t) : 0;
        double core = core(c, 1);
        double coreBackward = core(c, software.fusedAttention() ? FUSED_BACKWARD : 2);
        double elementwise = kernels.elementwise(elementwiseBytes(c, n, t, experts));
        double launched = KERNELS_FORWARD
                + (experts ? software.fusedExperts() ? KERNELS_EXPERTS_FUSED : KERNELS_EXPERTS : 0);
        double forward = products + expertProducts + sorts + core + elementwise
                + kernels.starts(launched, software);
        double weight = products + expertProducts;
        double backward = 2 * weight + coreBackward + ELEMENTWISE_BACKWARD * (elementwise + sorts)
                + kernels.starts(BACKWARD_KERNELS * launched, software);
        double again = switch (c.recompute().kind()) {
            case NONE -> 0;
            // PyTorch's selective checkpointing computes every second product again, Megatron's attention alone.
            case SELECTIVE -> software.family() == Software.Family.FSDP ? 0.5 * forward : core;
            case FULL -> forward;
        };
        double tensor = tensor(c, n);
        double context = context(c, n);
        double expert = experts ? expert(c, n, forward + backward) : 0;
        boolean full = c.recompute().kind() == Recompute.Kind.FULL;
        double host = kernels.hostSeconds((full ? 2 + BACKWARD_KERNELS : 1 + BACKWARD_KERNELS) * launched,
                software);
        double idle = Math.max(0, host - forward - backward - again - tensor - context - expert);
        return new LayerCost(forward + idle / 3, backward - weight + idle * 2 / 3, weight, again, tensor,
                context, expert);
    }

    private double attentionProducts(ParallelLayout c, double n, int t) {
        Precision p = c.precision();
        double h = model.hiddenSize();
        double inner = (double) model.attentionHeads() * model.headSize() / t;
        double out = kernels.matmul(n, h, inner, p);
        if (!model.latentAttention()) {
            double keys = (double) model.kvHeads() * model.headSize() / Math.min(t, model.kvHeads());
            return out + kernels.matmul(n, inner + 2 * keys, h, p);
        }
        double query = (double) model.attentionHeads() * (model.headSize() + model.ropeSize()) / t;
        double down = model.queryRank() > 0
                ? kernels.matmul(n, model.queryRank(), h, p) + kernels.matmul(n, query, model.queryRank(), p)
                : kernels.matmul(n, query, h, p);
        return out + down + kernels.matmul(n, model.latentRank() + model.ropeSize(), h, p)
                + kernels.matmul(n, 2 * inner, model.latentRank(), p);
    }

    private double feedForward(ParallelLayout c, double n, double t, double width) {
        double h = model.hiddenSize();
        return kernels.matmul(n, (model.gated() ? 2 : 1) * width / t, h, c.precision())
                + kernels.matmul(n, h, width / t, c.precision());
    }

    private double sharedExperts(ParallelLayout c, double n, int t) {
        return model.sharedExperts() == 0
                ? 0
                : feedForward(c, n, t, (double) model.sharedExperts() * model.expertFfnHiddenSize());
    }

    /** Each local expert multiplies the tokens that the whole group sends it. */
    private double expertProducts(ParallelLayout c, double n, int t) {
        double local = (double) model.experts() / c.expert();
        double rows = n / t * model.topK() * c.expertTensor() / local;
        return local * feedForward(c, rows, c.expertTensor(), model.expertFfnHiddenSize())
                / constants.of(Constant.EXPERT_RATE);
    }

    /** Each routed token is copied, scaled and counted by kernels of its own, or by one on its way. */
    private double sorts(double tokens) {
        double bytes = software.fusedExperts() ? SORT_BYTES_FUSED : SORT_BYTES;
        return kernels.sorts(tokens * model.topK() * model.hiddenSize() * bytes);
    }

    /** Scores and values; {@code passes} 1 is forward. */
    private double core(ParallelLayout c, double passes) {
        double heads = (double) model.attentionHeads() / c.tensor();
        if (software.fusedAttention()) {
            return passes * kernels.fusedAttention(
                    tokens(c) * model.attentionFlopsPerToken() / c.tensor(), model.headSize());
        }
        double bytes = passes == 1 ? SCORE_BYTES_FORWARD : SCORE_BYTES_BACKWARD / passes;
        double queries = (double) model.sequenceLength() / c.context();
        return passes * kernels.plainAttention(
                c.microBatch() * heads, queries, model.sequenceLength(), model.headSize(),
                bytes * c.precision().bytes() / 2, c.precision());
    }

    /** Norms, residuals, dropout, activation, rotation: bytes that separate kernels read and write, forward. */
    private double elementwiseBytes(ParallelLayout c, double n, int t, boolean experts) {
        double h = model.hiddenSize();
        double between = 22 * h / (c.sequenceParallel() ? t : 1);
        double heads = 6.0 * (model.attentionHeads() + 2 * model.kvHeads()) * model.headSize() / t;
        double activation = model.gated() ? 6 : 4;
        double wide = experts
                ? activation * ((software.fusedExperts() ? 0 : model.topK()) + model.sharedExperts())
                        * model.expertFfnHiddenSize()
                : activation * model.ffnHiddenSize();
        double bytes = between + heads + wide / t;
        double casts = c.precision().ordinal() >= Precision.FP8.ordinal() ? 5 * (2 * h + wide / 6) / t : 0;
        return n * ((software.fusedKernels() ? 0.6 : 1) * bytes * c.precision().bytes() / 2 + casts);
    }

    /** Share of a stage's layers that are computed again as a whole. */
    private static double passes(ParallelLayout c) {
        return c.recompute().kind() == Recompute.Kind.FULL ? 3 : 2;
    }

    /** Two all-reduces per pass, or as many bytes in gathers and scatters. */
    private double tensor(ParallelLayout c, double n) {
        if (c.tensor() == 1) {
            return 0;
        }
        double bytes = n * model.hiddenSize() * c.precision().bytes();
        double all = 2 * passes(c) * new Group(c.tensor(), 1, links).allReduceSeconds(bytes);
        return software.overlapsTensor() ? constants.share(Constant.TENSOR_EXPOSED) * all : all;
    }

    private double context(ParallelLayout c, double n) {
        if (c.context() == 1) {
            return 0;
        }
        double keys = model.latentAttention()
                ? (double) model.attentionHeads() * (2 * model.headSize() + model.ropeSize())
                : 2.0 * model.kvHeads() * model.headSize();
        double ring = ring(c, n * keys * BYTES / c.tensor(), new Group(c.context(), c.tensor(), links));
        double queries = 2.0 * model.attentionHeads() * model.headSize();
        double bytes = n * (queries + keys) * BYTES / c.tensor();
        return switch (c.contextKind()) {
            case RING -> ring;
            case ALL_TO_ALL -> passes(c) * new Group(c.context(), c.tensor(), links).allToAllSeconds(bytes);
            case HIERARCHICAL -> {
                int near = Math.clamp(links.domainRanks() / c.tensor(), 1, c.context());
                double inside = passes(c) * new Group(near, c.tensor(), links).allToAllSeconds(bytes);
                int far = Math.ceilDiv(c.context(), near);
                yield far == 1
                        ? inside
                        : inside + (double) far / c.context()
                                * ring(c, n * keys * BYTES / c.tensor(),
                                        new Group(far, c.tensor() * near, links));
            }
        };
    }

    /** Keys and values go round; what attention computes meanwhile hides them, but for a tenth. */
    private double ring(ParallelLayout c, double bytes, Group group) {
        double step = group.neighbourSeconds(bytes);
        double hidden = core(c, 1) / c.context();
        return (passes(c) + 1) * (c.context() - 1) * Math.max(step - hidden, 0.1 * step);
    }

    /** Tokens travel to their experts and back, beside what another micro-batch computes if the software can. */
    private double expert(ParallelLayout c, double n, double compute) {
        // Tokens are sent in 8 bits where products are, and come back in 16.
        double value = c.precision().ordinal() >= Precision.FP8.ordinal() ? 0.75 * BYTES : BYTES;
        double bytes = n / c.tensor() * model.topK() * model.hiddenSize() * value;
        double gather = c.expertTensor() > 1
                ? 2 * new Group(c.expertTensor(), 1, links).gatherSeconds(bytes * c.expertTensor())
                : 0;
        double all = passes(c) * (2 * new Group(c.expert(), c.expertTensor(), links)
                .allToAllSeconds(bytes, distinctDomains(c)) + gather);
        if (!software.overlapsExperts()) {
            return all;
        }
        double exposed = constants.share(Constant.EXPERT_EXPOSED) * all;
        return exposed + Math.max(0, all - exposed - compute);
    }

    /**
     * Domains that a token's experts lie in on average, over the experts: each token crosses to a domain once and is
     * copied there.
     */
    private double distinctDomains(ParallelLayout c) {
        double domains = Math.max(1, (double) c.expert() * c.expertTensor() / links.domainRanks());
        double k = model.topK();
        return domains * (1 - Math.pow(1 - 1 / domains, k)) / k;
    }

    /** Look-up and its gradient on the first stage. */
    LayerCost embedding(ParallelLayout c) {
        double bytes = tokens(c) * model.hiddenSize() * BYTES;
        double sum = new Group(c.tensor(), 1, links).allReduceSeconds(bytes);
        return new LayerCost(kernels.elementwise(4 * bytes), 0, kernels.elementwise(6 * bytes), 0, sum, 0, 0);
    }

    /** Output projection and loss on the last stage. */
    LayerCost head(ParallelLayout c) {
        double n = tokens(c);
        double product = kernels.matmul(n, (double) model.vocabSize() / c.tensor(), model.hiddenSize(),
                Precision.BF16);
        double loss = kernels.elementwise(n * model.vocabSize() / c.tensor() * 12);
        double sum = new Group(c.tensor(), 1, links).allReduceSeconds(n * model.hiddenSize() * BYTES);
        return new LayerCost(product + loss, product + loss, product, 0, sum, 0, 0);
    }
}

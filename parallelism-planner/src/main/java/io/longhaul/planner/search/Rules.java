package io.longhaul.planner.search;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.model.ModelShape;
import org.jspecify.annotations.Nullable;

/** What makes a layout illegal for any trainer or for this one, memory apart. */
record Rules(PlanRequest request) implements Legality {

    @Override
    public @Nullable Broken broken(ParallelLayout c) {
        Broken degrees = degrees(c);
        Broken unable = degrees == null ? unable(c) : degrees;
        return unable == null ? choices(c) : unable;
    }

    /** What the trainer cannot do at all; the search does not offer it, but people ask for it. */
    private @Nullable Broken unable(ParallelLayout c) {
        Abilities able = request.abilities();
        if (c.schedule() != Schedule.ONE_F_ONE_B && !able.schedules().contains(c.schedule())) {
            return new Broken("the trainer does not run this schedule", c.schedule().toString());
        }
        if (c.sharding().stage() > able.maxZeroStage()) {
            return new Broken(
                    "the trainer does not shard that much",
                    "zero " + c.sharding().stage() + " over " + able.maxZeroStage());
        }
        return c.recompute().kind() == Recompute.Kind.SELECTIVE && !able.selectiveRecompute()
                ? new Broken("the trainer recomputes whole layers or nothing", "recompute selective")
                : null;
    }

    private @Nullable Broken degrees(ParallelLayout c) {
        ModelShape model = request.model();
        Abilities able = request.abilities();
        if (request.fixed().isPresent() && !request.fixed().get().holds(c)) {
            return new Broken(
                    "not the layout that was asked for",
                    "tensor " + c.tensor() + ", pipeline " + c.pipeline() + ", context " + c.context()
                            + ", data " + c.data());
        }
        if (c.tensor() > able.maxTensor()) {
            return new Broken(
                    "tensor-parallel group larger than a node, or than the trainer allows",
                    c.tensor() + " over " + able.maxTensor());
        }
        if (c.pipeline() > able.maxPipeline()) {
            return new Broken("more stages than the trainer allows",
                    c.pipeline() + " over " + able.maxPipeline());
        }
        if (c.context() > able.maxContext()) {
            return new Broken(
                    "more context-parallel ranks than the trainer allows",
                    c.context() + " over " + able.maxContext());
        }
        if (model.attentionHeads() % c.tensor() != 0) {
            return divides("attention heads", model.attentionHeads(), "tensor", c.tensor());
        }
        if (model.kvHeads() % c.tensor() != 0) {
            return divides("key/value heads", model.kvHeads(), "tensor", c.tensor());
        }
        if (!model.mixtureOfExperts() && model.ffnHiddenSize() % c.tensor() != 0) {
            return divides("feed-forward size", model.ffnHiddenSize(), "tensor", c.tensor());
        }
        if (c.pipeline() > model.layers()) {
            return new Broken("more stages than layers", c.pipeline() + " over " + model.layers());
        }
        if (!able.unevenSplit() && model.layers() % c.pipeline() != 0) {
            return divides("layers", model.layers(), "pipeline", c.pipeline());
        }
        if (c.context() > 1 && model.sequenceLength() % (2L * c.context()) != 0) {
            return divides("sequence", model.sequenceLength(), "2 context", 2L * c.context());
        }
        if (able.sequenceParallel() && model.sequenceLength() % ((long) c.tensor() * c.context()) != 0) {
            return divides("sequence", model.sequenceLength(), "tensor * context",
                    (long) c.tensor() * c.context());
        }
        return request.globalBatch() % c.data() == 0
                ? null
                : divides("global batch", request.globalBatch(), "data", c.data());
    }

    private @Nullable Broken choices(ParallelLayout c) {
        ModelShape model = request.model();
        if (model.mixtureOfExperts() && model.experts() % c.expert() != 0) {
            return divides("experts", model.experts(), "expert", c.expert());
        }
        if (model.mixtureOfExperts() && model.expertFfnHiddenSize() % c.expertTensor() != 0) {
            return divides("expert size", model.expertFfnHiddenSize(), "expert tensor", c.expertTensor());
        }
        if (c.expertTensor() > request.abilities().maxTensor()) {
            return new Broken(
                    "expert tensor-parallel group larger than a node, or than the trainer allows",
                    c.expertTensor() + " over " + request.abilities().maxTensor());
        }
        if (c.contextKind() == ContextKind.ALL_TO_ALL && model.kvHeads() / c.tensor() % c.context() != 0) {
            return divides("key/value heads per rank", model.kvHeads() / c.tensor(), "context", c.context());
        }
        if (!request.abilities().unevenSplit() && c.split().isEmpty()
                && model.layers() % (c.pipeline() * c.chunks()) != 0) {
            return divides("layers", model.layers(), "pipeline * chunks", (long) c.pipeline() * c.chunks());
        }
        if (c.pipeline() * c.chunks() > model.layers()) {
            return new Broken(
                    "more chunks than layers",
                    "pipeline * chunks " + c.pipeline() * c.chunks() + " over " + model.layers());
        }
        if (c.schedule() == Schedule.INTERLEAVED && c.microBatches() % c.pipeline() != 0) {
            return divides("micro-batches", c.microBatches(), "pipeline of interleaved stages", c.pipeline());
        }
        if (c.schedule().splitsBackward() && c.microBatches() < c.pipeline()) {
            return new Broken(
                    "split backward passes need a micro-batch per stage",
                    c.microBatches() + " for " + c.pipeline());
        }
        if (c.sharding().stage() > 1 && c.pipeline() > 1) {
            return new Broken(
                    "sharded gradients exclude a pipeline",
                    "zero " + c.sharding().stage() + " with pipeline " + c.pipeline());
        }
        if (c.sharding().stage() > 0 && model.mixtureOfExperts()
                && c.expertReplicas() % c.sharding().replicas() != 0) {
            return divides("expert replicas", c.expertReplicas(), "sharding replicas",
                    c.sharding().replicas());
        }
        if (c.recompute().kind() != Recompute.Kind.NONE && c.schedule().splitsBackward()) {
            return new Broken(
                    "split backward passes exclude recomputation",
                    c.schedule() + " with " + c.recompute().kind());
        }
        if (c.offload().activations() > 0 && c.recompute().kind() == Recompute.Kind.FULL) {
            return new Broken(
                    "offload of activations excludes recomputation of whole layers",
                    "offload " + c.offload().activations());
        }
        return null;
    }

    private static @Nullable Broken divides(String parts, long whole, String degree, long by) {
        return whole % by == 0
                ? null
                : new Broken(parts + " not divisible by " + degree, whole + " by " + by);
    }
}

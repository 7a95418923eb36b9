package io.longhaul.planner;

import io.longhaul.planner.Candidate.Recompute;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Seconds of an optimizer step by what they are spent on. Compute by roofline per matrix multiplication, ring
 * collectives, 1F1B pipelining (Narayanan et al. 2021, section 2.2), sequence parallelism with tensor parallelism
 * (Korthikanti et al. 2022, section 4).
 */
final class CostModel {
    /** Rows at which a multiplication reaches half of its best rate. */
    private static final double HALF_RATE_ROWS = 128;
    private static final double HALF_RATE_COLUMNS = 160;
    /** Share of data-parallel traffic that hides behind the last micro-batch's backward pass. */
    private static final double OVERLAP = 0.7;
    private static final double KERNEL_SECONDS = 5e-6;

    private final ModelShape model;
    private final Machine machine;

    CostModel(ModelShape model, Machine machine) {
        this.model = model;
        this.machine = machine;
    }

    /** Named parts in seconds; their sum is the step. */
    Map<String, Double> breakdown(Candidate c) {
        double layersPerStage = (double) model.layers() / c.pipeline();
        double layer = layerCompute(c);
        double again = recomputed(c);
        double tensor = tensorCommunication(c);
        double ring = contextCommunication(c);
        double experts = expertCommunication(c);
        double perMicroBatch = layersPerStage * (layer + again + tensor + ring + experts) + head(c)
                + stageTransfer(c);
        int m = c.microBatches();
        Map<String, Double> parts = new LinkedHashMap<>();
        parts.put("compute", m * layersPerStage * layer);
        parts.put("embedding and loss", m * head(c));
        parts.put("recompute", m * layersPerStage * again);
        parts.put("tensor-parallel communication", m * layersPerStage * tensor);
        parts.put("context-parallel communication", m * layersPerStage * ring);
        parts.put("expert-parallel communication", m * layersPerStage * experts);
        parts.put("pipeline transfers", m * stageTransfer(c));
        parts.put("pipeline bubble", (c.pipeline() - 1) * perMicroBatch);
        parts.put("data-parallel communication", dataCommunication(c, layersPerStage * layer));
        parts.put("optimizer", optimizer(c));
        parts.values().removeIf(seconds -> seconds == 0);
        return parts;
    }

    private double tokens(Candidate c) {
        return (double) c.microBatch() * model.sequenceLength() / c.context();
    }

    /** Forward and backward of one layer for one micro-batch on one rank. */
    private double layerCompute(Candidate c) {
        if (machine instanceof Machine.Measured m) {
            return m.layerOverheadSeconds() + m.layerSeconds() * c.microBatch() / c.tensor();
        }
        return 3 * (matmulSeconds(c, model.layerFlopsPerToken()) + attentionSeconds(c)) + elementwise(c);
    }

    private double matmulSeconds(Candidate c, double flopsPerToken) {
        Machine.Cluster cluster = (Machine.Cluster) machine;
        double rows = tokens(c)
                * (model.mixtureOfExperts() ? (double) model.topK() * c.expert() / model.experts() : 1);
        double columns = (double) Math.min(
                model.hiddenSize(),
                model.mixtureOfExperts() ? model.expertFfnHiddenSize() : model.ffnHiddenSize()) / c.tensor();
        double efficiency = cluster.accelerator().efficiency() * rows / (rows + HALF_RATE_ROWS) * columns
                / (columns + HALF_RATE_COLUMNS);
        return tokens(c) * flopsPerToken / c.tensor() / (cluster.peakFlops() * efficiency);
    }

    /** Scores and values reach about half of the rate of plain multiplications. */
    private double attentionSeconds(Candidate c) {
        Machine.Cluster cluster = (Machine.Cluster) machine;
        return tokens(c) * model.attentionFlopsPerToken() / c.tensor()
                / (cluster.peakFlops() * 0.55 * cluster.accelerator().efficiency());
    }

    /** Norms, activations, residuals: about 40 passes over a layer's (tokens, hidden) values, and kernel starts. */
    private double elementwise(Candidate c) {
        Machine.Cluster cluster = (Machine.Cluster) machine;
        double bytes = 40 * tokens(c) * model.hiddenSize() * machine.bytesPerValue() / c.tensor();
        return bytes / cluster.accelerator().memoryBandwidth() + 30 * KERNEL_SECONDS;
    }

    private double recomputed(Candidate c) {
        return switch (c.recompute()) {
            case NONE -> 0;
            case SELECTIVE -> machine instanceof Machine.Measured ? layerCompute(c) / 3 : attentionSeconds(c);
            case FULL -> machine instanceof Machine.Measured
                    ? layerCompute(c) / 3
                    : matmulSeconds(c, model.layerFlopsPerToken()) + attentionSeconds(c);
        };
    }

    private double head(Candidate c) {
        if (machine instanceof Machine.Measured m) {
            return m.headOverheadSeconds() + m.headSeconds() * c.microBatch();
        }
        return 3 * matmulSeconds(c, model.headFlopsPerToken());
    }

    private boolean inside(int ranks) {
        return ranks <= machine.ranksPerNode();
    }

    /** A ring all-reduce of so many bytes over so many ranks that are neighbours times {@code stride}. */
    private double allReduce(double bytes, int ranks, int stride) {
        if (ranks == 1) {
            return 0;
        }
        boolean inside = inside(ranks * stride);
        return 2 * machine.latencySeconds(inside) * Math.ceil(Math.log(ranks) / Math.log(2))
                + 2 * bytes * (ranks - 1) / ranks / machine.bandwidth(inside);
    }

    /** Two all-reduces (or as many bytes in gathers and scatters) forward, two backward, one more pass if redone. */
    private double tensorCommunication(Candidate c) {
        double bytes = tokens(c) * model.hiddenSize() * machine.bytesPerValue();
        double times = c.recompute() == Recompute.FULL ? 6 : 4;
        return times * allReduce(bytes, c.tensor(), 1);
    }

    /** Keys and values go round the ring; what attention computes meanwhile hides them. */
    private double contextCommunication(Candidate c) {
        if (c.context() == 1) {
            return 0;
        }
        double bytes = 2 * tokens(c) * model.hiddenSize() * model.kvHeads() / model.attentionHeads()
                * machine.bytesPerValue() / c.tensor();
        boolean inside = inside(c.context() * c.tensor());
        double step = machine.latencySeconds(inside) + bytes / machine.bandwidth(inside);
        double hidden = machine instanceof Machine.Cluster ? attentionSeconds(c) / c.context() : 0;
        return 3 * (c.context() - 1) * Math.max(step - hidden, 0.1 * step);
    }

    /** Tokens travel to their experts and back, forward and backward. */
    private double expertCommunication(Candidate c) {
        if (c.expert() == 1) {
            return 0;
        }
        boolean inside = inside(c.expert() * c.tensor());
        double bytes = tokens(c) * model.topK() * model.hiddenSize() * machine.bytesPerValue() / c.tensor();
        double remote = (c.expert() - 1.0) / c.expert();
        return 4 * (machine.latencySeconds(inside) * (c.expert() - 1)
                + remote * bytes / machine.bandwidth(inside));
    }

    private double stageTransfer(Candidate c) {
        if (c.pipeline() == 1) {
            return 0;
        }
        boolean inside = inside(machine.ranks());
        double bytes = tokens(c) * model.hiddenSize() * machine.bytesPerValue() / c.tensor();
        return 2 * (machine.latencySeconds(inside) + bytes / machine.bandwidth(inside));
    }

    private double weightsPerRank(Candidate c) {
        double layers = (double) model.layers() / c.pipeline();
        double dense = model.denseLayerParameters() / c.tensor();
        double expert = model.expertLayerParameters() / c.tensor() / c.expert();
        return layers * (dense + expert) + model.embeddingParameters() / tensorSplitOfEmbedding(c);
    }

    /** The reference trainer keeps whole embeddings on every tensor rank. */
    private int tensorSplitOfEmbedding(Candidate c) {
        return machine instanceof Machine.Measured ? 1 : c.tensor();
    }

    private double dataCommunication(Candidate c, double window) {
        int replicas = c.data() * c.context();
        double seconds = allReduce(weightsPerRank(c) * 4, replicas, c.tensor());
        if (machine instanceof Machine.Measured) {
            return seconds;
        }
        return Math.max(seconds - Math.min(OVERLAP * seconds, window), 0);
    }

    private double optimizer(Candidate c) {
        double weights = weightsPerRank(c) / (c.zeroStage() > 0 ? c.data() * c.context() : 1);
        if (machine instanceof Machine.Measured m) {
            return m.stepOverheadSeconds() + m.optimizerSecondsPerParameter() * weights;
        }
        return 32 * weights / ((Machine.Cluster) machine).accelerator().memoryBandwidth() + 2e-3;
    }
}

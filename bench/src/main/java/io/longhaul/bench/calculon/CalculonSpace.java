package io.longhaul.bench.calculon;

import io.longhaul.bench.calculon.Execution.Exchange;
import io.longhaul.bench.calculon.Execution.Overlap;
import io.longhaul.bench.calculon.Execution.Recompute;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Every execution that Calculon's search looks at on so many devices: all divisors as degrees, all kinds of exchange,
 * overlap and recomputation, each dimension on either network tier.
 *
 * @param batch most samples per step; an execution's is the largest multiple of its data-parallel ranks
 */
public record CalculonSpace(Application app, int devices, int batch) {

    /** What most of the cost depends on; the rest of an execution varies inside it. */
    public record Structure(int tensor, int pipeline, int data, int chunks, int microBatch) {}

    /** Every structure, in the order of degrees. */
    public List<Structure> structures() {
        List<Structure> all = new ArrayList<>();
        for (int tensor : divisors(devices)) {
            if (app.hidden() % tensor != 0 || app.heads() % tensor != 0) {
                continue;
            }
            for (int pipeline : divisors(Math.min(devices / tensor, app.blocks()))) {
                int data = devices / tensor / pipeline;
                if (devices % (tensor * pipeline) != 0 || app.blocks() % pipeline != 0 || data > batch) {
                    continue;
                }
                for (int chunks : pipeline == 1 ? List.of(1) : divisors(app.blocks() / pipeline)) {
                    for (int micro : divisors(batch / data)) {
                        if ((long) micro * app.sequence() % tensor == 0) {
                            all.add(new Structure(tensor, pipeline, data, chunks, micro));
                        }
                    }
                }
            }
        }
        return all;
    }

    /** Every execution of a structure. */
    public void executions(Structure s, Consumer<Execution> each) {
        blocks(s, run -> withinBlock(run, each));
    }

    /** One execution for each block that a structure can have. */
    void blocks(Structure s, Consumer<Execution> each) {
        for (Recompute recompute : Recompute.values()) {
            for (Exchange exchange : Exchange.values()) {
                boolean canRedo = exchange == Exchange.SCATTER_GATHER && recompute != Recompute.FULL;
                for (boolean redo : either(canRedo)) {
                    for (Overlap overlap : s.tensor > 1 ? Overlap.values() : new Overlap[]{Overlap.NONE}) {
                        for (int network : tiers(s.tensor)) {
                            for (boolean sharding : either(s.data > 1)) {
                                each.accept(
                                        new Execution(
                                                s.tensor, s.pipeline, s.data, network, 0, 0,
                                                batch / s.data * s.data, s.microBatch, recompute, s.chunks,
                                                sharding, exchange, overlap, redo, false));
                            }
                        }
                    }
                }
            }
        }
    }

    /** Every execution with the same block. */
    static void withinBlock(Execution run, Consumer<Execution> each) {
        for (int pipelineNetwork : tiers(run.pipeline())) {
            for (int dataNetwork : tiers(run.data())) {
                for (boolean dataOverlap : either(run.data() > 1)) {
                    each.accept(run.with(pipelineNetwork, dataNetwork, dataOverlap));
                }
            }
        }
    }

    static long sizeWithinBlock(Structure s) {
        return (s.pipeline > 1 ? 2L : 1) * (s.data > 1 ? 4 : 1);
    }

    /** Executions of a structure: eleven ways to recompute, exchange and gather again. */
    static long size(Structure s) {
        return 11 * (s.tensor > 1 ? 6 : 1) * (s.data > 1 ? 2 : 1) * sizeWithinBlock(s);
    }

    static int[] tiers(int members) {
        return members > 1 ? new int[]{0, 1} : new int[]{0};
    }

    private static boolean[] either(boolean possible) {
        return possible ? new boolean[]{true, false} : new boolean[]{false};
    }

    private static List<Integer> divisors(int n) {
        List<Integer> found = new ArrayList<>();
        for (int i = 1; i <= n; i++) {
            if (n % i == 0) {
                found.add(i);
            }
        }
        return found;
    }
}

package io.longhaul.bench.calculon;

import io.longhaul.planner.search.BranchAndBound.Result;
import java.util.List;
import java.util.Locale;

/** Solves one of Calculon's jobs and prints the winner in the words of its execution files, for {@code side_by_side.py}. */
public final class Race {
    private static final List<Application> JOBS = List.of(
            Application.GPT3_175B, Application.MEGATRON_1T, Application.TURING_530B);

    private Race() {}

    /** @param args model, devices, batch */
    public static void main(String[] args) {
        Application app = JOBS.stream()
                .filter(a -> a.name().equals(args[0]))
                .findFirst()
                .orElseThrow(
                        () -> new IllegalArgumentException(
                                "model must be one of " + JOBS.stream().map(Application::name).toList()
                                        + ", got "
                                        + args[0]));
        CalculonSpace space = new CalculonSpace(app, Integer.parseInt(args[1]), Integer.parseInt(args[2]));
        Result<Execution> found = CalculonSearch.best(space);
        Execution best = found.best().orElseThrow();
        System.out.printf(
                Locale.ROOT,
                """
                        {"nominal": %d, "priced": %d, "seconds": %.6f, "bound": %.6f, "execution": {
                        "num_procs": %d, "tensor_par": %d, "pipeline_par": %d, "data_par": %d, "tensor_par_net": %d,
                        "pipeline_par_net": %d, "data_par_net": %d, "batch_size": %d, "microbatch_size": %d,
                        "datatype": "float16", "fused_activation": true, "attention_type": "multihead",
                        "activation_recompute": "%s", "pipeline_interleaving": %d, "optimizer_sharding": %b,
                        "tensor_par_comm_type": "%s", "tensor_par_overlap": "%s", "seq_par_ag_redo": %b,
                        "data_par_overlap": %b, "weight_offload": false, "activations_offload": false,
                        "optimizer_offload": false, "training": true}}
                        """,
                found.nominal(), found.priced(), found.cost() * best.batch(), found.bound() * best.batch(),
                space.devices(), best.tensor(), best.pipeline(), best.data(), best.tensorNetwork(),
                best.pipelineNetwork(), best.dataNetwork(), best.batch(), best.microBatch(),
                switch (best.recompute()) {
                    case FULL -> "full";
                    case ATTENTION -> "attn_only";
                    case NONE -> "none";
                }, best.chunks(), best.sharding(), switch (best.exchange()) {
                    case ALL_REDUCE -> "ar";
                    case SCATTERED_TRANSFER -> "p2p_rs_ag";
                    case SCATTER_GATHER -> "rs_ag";
                }, best.overlap().name().toLowerCase(Locale.ROOT), best.redo(), best.dataOverlap());
    }
}

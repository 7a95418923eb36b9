package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.model.ModelShape;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The model of a row. */
record RowShape(RowCells cells) {
    private static final Pattern HEAD = Pattern.compile("head_dim (\\d+)");
    private static final Pattern WINDOW = Pattern.compile("(\\d+)-token sliding window");
    private static final Pattern DENSE = Pattern
            .compile("first (\\d+)? ?layers? dense(?: \\(ffn (\\d+)\\))?");
    private static final Pattern SHARED = Pattern.compile("(\\d+) shared expert");
    private static final Pattern SHARED_SIZE = Pattern.compile("shared expert (\\d+)");

    ModelShape model() {
        int layers = cells.whole("layers", 0);
        int hidden = cells.whole("hidden", 0);
        int heads = cells.whole("heads", Math.max(1, hidden / 128));
        int experts = cells.whole("moe_experts", 1) > 1 ? cells.whole("moe_experts", 1) : 0;
        int topK = experts > 0 ? cells.assume("moe_topk", 2) : 0;
        String family = cells.text("model_family").toLowerCase(Locale.ROOT);
        boolean latent = family.contains("deepseek") || cells.notes("mla attention");
        int kv = latent ? heads : cells.whole("kv_heads", heads);
        int ffn = cells.assume("ffn_hidden", 4 * hidden);
        int vocab = cells.assume("vocab", 51200);
        int sequence = cells.assume("seq_len", 2048);
        boolean ungated = family.matches(".*(gpt|opt|mpt|bloom|mt-nlg|megatron|falcon|pythia).*")
                && !family.contains("oss");
        boolean gated = family
                .matches(".*(llama|intern|qwen|deepseek|mixtral|oss|aquila|mistral|yi|gemma).*")
                || !ungated && Math.abs(ffn - 4.0 * hidden) > 0.01 * hidden;
        boolean tied = cells.notes("tied embeddings") && !cells.notes("untied")
                || ungated && !cells.notes("untied");
        int shared = cells.find(SHARED, 0);
        int sharedSize = cells.find(SHARED_SIZE, 0);
        if (experts > 0 && sharedSize > 0) {
            shared = Math.max(1, sharedSize / ffn);
        }
        int dense = 0;
        int denseFfn = ffn * Math.max(1, topK + shared);
        Matcher m = DENSE.matcher(cells.notes());
        if (experts > 0 && m.find()) {
            dense = m.group(1) == null ? 1 : Integer.parseInt(m.group(1));
            denseFfn = m.group(2) == null ? denseFfn : Integer.parseInt(m.group(2));
        }
        ModelShape shape = new ModelShape(layers, hidden, experts > 0 ? denseFfn : ffn, heads, kv, vocab,
                sequence, gated, tied, experts, topK, experts > 0 ? ffn : 0,
                cells.find(HEAD, latent ? 128 : Math.max(1, Math.ceilDiv(hidden, heads))),
                cells.find(WINDOW, 0), 0,
                0, 0,
                Math.min(dense, layers), shared);
        return latent ? shape.withLatentAttention(128, 1536, 512, 64) : shape;
    }
}

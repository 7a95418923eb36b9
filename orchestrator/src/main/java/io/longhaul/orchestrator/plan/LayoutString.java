package io.longhaul.orchestrator.plan;

import io.longhaul.planner.layout.LayerSplit;
import java.util.ArrayList;
import java.util.List;

/**
 * Megatron-LM's {@code --pipeline-model-parallel-layout}: E is the embedding, t a layer, L the loss, a bar ends a chunk;
 * {@code t*3} is {@code ttt} and {@code (tt|)*2} is {@code tt|tt|}. Chunks are in the order of execution.
 */
final class LayoutString {
    private LayoutString() {}

    static String of(LayerSplit split) {
        List<String> chunks = new ArrayList<>();
        List<Integer> layers = split.layers();
        for (int i = 0; i < layers.size(); i++) {
            String text = (i == 0 ? "E" : "") + times(layers.get(i)) + (i == layers.size() - 1 ? "L" : "|");
            chunks.add(text);
        }
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < chunks.size();) {
            int same = 1;
            while (i + same < chunks.size() && chunks.get(i + same).equals(chunks.get(i))) {
                same++;
            }
            all.append(same > 1 ? "(" + chunks.get(i) + ")*" + same : chunks.get(i));
            i += same;
        }
        return all.toString();
    }

    private static String times(int layers) {
        return switch (layers) {
            case 0 -> "";
            case 1 -> "t";
            default -> "t*" + layers;
        };
    }
}

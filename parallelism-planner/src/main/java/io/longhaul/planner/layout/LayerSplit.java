package io.longhaul.planner.layout;

import java.util.List;

/**
 * Layers of each model chunk in the order of execution; chunk {@code v * pipeline + p} is the {@code v}-th of stage
 * {@code p}, as in Megatron-LM's layout string. In a V schedule the second chunks count backwards.
 */
public record LayerSplit(List<Integer> layers) {
    public LayerSplit {
        layers = List.copyOf(layers);
        if (layers.isEmpty() || layers.stream().anyMatch(n -> n < 0)) {
            throw new IllegalArgumentException("every chunk must have >= 0 layers, got " + layers);
        }
    }

    /** As even as it goes; the first chunks get what is left over. */
    public static LayerSplit even(int layers, int chunks) {
        Integer[] split = new Integer[chunks];
        for (int i = 0; i < chunks; i++) {
            split[i] = layers / chunks + (i < layers % chunks ? 1 : 0);
        }
        return new LayerSplit(List.of(split));
    }

    public int total() {
        int total = 0;
        for (int n : layers) {
            total += n;
        }
        return total;
    }

    /** The same number of layers in every chunk. */
    public boolean even() {
        return layers.stream().distinct().count() == 1;
    }
}

package io.longhaul.orchestrator.run;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which ranks a node gets once it is known where it is. Nodes behind one switch stay together; within that, the stages of
 * a pipeline are neighbours and its copies are far from each other: activations go from stage to stage with every
 * micro-batch, gradients between copies once a step. Ranks of one node stay on it, and with them tensor groups. Pure.
 */
final class RankOrder {
    private RankOrder() {}

    /**
     * @param places by node, as in {@code WorkloadObservation}; empty to keep the order of the nodes
     * @param stages pipeline stages, which ranks count last in, as in Megatron's order
     * @return place in the order of ranks by node, a permutation of {@code [0, nodes)}
     */
    static List<Integer> of(List<List<String>> places, int nodes, int stages) {
        if (places.size() != nodes) {
            return IntStream.range(0, nodes).boxed().toList();
        }
        List<Integer> along = IntStream.range(0, nodes)
                .boxed()
                .sorted(Comparator.<Integer, List<String>>comparing(places::get, RankOrder::compare)
                        .thenComparing(Comparator.naturalOrder()))
                .toList();
        // A stage that shares nodes with another one has its neighbours there anyway.
        int chain = nodes % stages == 0 ? stages : 1;
        Integer[] ranks = new Integer[nodes];
        for (int i = 0; i < nodes; i++) {
            ranks[along.get(i)] = i % chain * (nodes / chain) + i / chain;
        }
        return List.of(ranks);
    }

    private static int compare(List<String> one, List<String> other) {
        for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
            int order = one.get(i).compareTo(other.get(i));
            if (order != 0) {
                return order;
            }
        }
        return Integer.compare(one.size(), other.size());
    }
}

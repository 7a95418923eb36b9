package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RankOrderTest {
    /** Nodes of {@code perLeaf} to a leaf, four leaves to a spine, in any order. */
    private static List<List<String>> fabric(int nodes, int perLeaf, long seed) {
        List<List<String>> places = new ArrayList<>(IntStream.range(0, nodes)
                .mapToObj(i -> List.of("spine-" + i / perLeaf / 4, "leaf-" + i / perLeaf, "node-" + i))
                .toList());
        Collections.shuffle(places, new Random(seed));
        return places;
    }

    private static int[] nodeOf(List<Integer> ranks) {
        int[] nodes = new int[ranks.size()];
        for (int node = 0; node < nodes.length; node++) {
            nodes[ranks.get(node)] = node;
        }
        return nodes;
    }

    @Test
    void neighboursChangeTheLeafOnlyWhereOneEnds() {
        List<List<String>> places = fabric(128, 16, 1);
        int[] nodes = nodeOf(RankOrder.of(places, 128, 1));
        long changes = IntStream.range(1, 128)
                .filter(rank -> !places.get(nodes[rank]).get(1).equals(places.get(nodes[rank - 1]).get(1)))
                .count();
        assertThat(changes).isEqualTo(7);
    }

    @ParameterizedTest
    @CsvSource({"32, 8, 4", "64, 16, 8", "16, 16, 2"})
    void thePipelineOfACopyStaysBehindOneLeaf(int nodes, int perLeaf, int stages) {
        List<List<String>> places = fabric(nodes, perLeaf, 2);
        int[] node = nodeOf(RankOrder.of(places, nodes, stages));
        int copies = nodes / stages;
        for (int copy = 0; copy < copies; copy++) {
            Set<String> leaves = new HashSet<>();
            for (int stage = 0; stage < stages; stage++) {
                leaves.add(places.get(node[stage * copies + copy]).get(1));
            }
            assertThat(leaves).as("copy %d", copy).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "7, 2", "12, 3", "40, 7", "3, 8"})
    void everyRankIsGivenOnce(int nodes, int stages) {
        assertThat(RankOrder.of(fabric(nodes, 4, 3), nodes, stages))
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, nodes).boxed().toList());
    }

    @Test
    void withoutPlacesTheOrderIsThatOfTheNodes() {
        assertThat(RankOrder.of(List.of(), 4, 2)).containsExactly(0, 1, 2, 3);
        assertThat(RankOrder.of(fabric(3, 4, 4), 4, 2)).as("of all but one").containsExactly(0, 1, 2, 3);
    }
}

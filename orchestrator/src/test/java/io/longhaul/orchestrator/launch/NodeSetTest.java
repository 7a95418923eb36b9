package io.longhaul.orchestrator.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class NodeSetTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''      | 0 | false
            0,3-5   | 0 | true
            0,3-5   | 2 | false
            0,3-5   | 4 | true
            10      | 1 | false
            """)
    void rangesAreReadAsJobsWriteTheirIndexes(String text, int node, boolean contained) {
        assertThat(NodeSet.parse(text).contains(node)).isEqualTo(contained);
        assertThat(NodeSet.parse(text)).hasToString(text);
    }

    @Test
    void everySetIsReadAsItWasWritten() {
        Random random = new Random(7);
        for (int i = 0; i < 1000; i++) {
            double share = random.nextDouble();
            List<Integer> some = IntStream.range(0, 60)
                    .filter(n -> random.nextDouble() < share)
                    .boxed()
                    .toList();
            NodeSet set = NodeSet.of(some);
            assertThat(NodeSet.parse(set.toString())).isEqualTo(set);
            assertThat(set).containsExactlyElementsOf(some);
            NodeSet others = NodeSet.first(random.nextInt(60));
            assertThat(set.without(others).size() + set.and(others).size()).isEqualTo(set.size());
        }
        assertThat(NodeSet.first(10_000)).hasToString("0-9999");
    }

    @Test
    void whatIsNoListIsRefused() {
        assertThatThrownBy(() -> NodeSet.parse("1,x")).isInstanceOf(NumberFormatException.class);
    }
}

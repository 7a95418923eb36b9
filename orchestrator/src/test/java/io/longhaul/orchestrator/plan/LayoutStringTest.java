package io.longhaul.orchestrator.plan;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.layout.LayerSplit;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LayoutStringTest {
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
            "3 4; Et*3|t*4L",
            "1 0 1; Et||tL",
            // The documentation's example without its multi-token layer: 61 layers on 16 stages of two chunks.
            "3 2 2 2 2 0; Et*3|(t*2|)*4L",
            "2 2 3 3 3 1; Et*2|t*2|(t*3|)*3tL",
            "0 5 0; E|t*5|L"})
    void writesChunksInOrder(String split, String text) {
        List<Integer> layers = Stream.of(split.split(" ")).map(Integer::valueOf).toList();
        assertThat(LayoutString.of(new LayerSplit(layers))).isEqualTo(text);
    }
}

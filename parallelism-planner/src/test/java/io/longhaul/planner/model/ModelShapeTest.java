package io.longhaul.planner.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.planner.Shapes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelShapeTest {
    /**
     * Narayanan et al. 2021 (SC21), table 1, and Brown et al. 2020, table 2.1, to a decimal; they count biases and
     * positions too.
     */
    @ParameterizedTest(name = "{3} billion")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            layers, hidden, heads, billions
                24,   2304,    24,      1.7
                30,   3072,    32,      3.6
                36,   4096,    32,      7.5
                40,   6144,    48,     18.4
                48,   8192,    64,     39.1
                60,  10240,    80,     76.1
                80,  12288,    96,    145.6
                96,  12288,    96,    174.6
                96,  16384,   128,    310.1
               105,  20480,   128,    529.6
               128,  25600,   160,   1008.0
            """)
    void countsTheWeightsOfGpts(int layers, int hidden, int heads, double billions) {
        assertThat(Shapes.gpt(layers, hidden, heads, 51200, 2048).parameters() / 1e9)
                .isCloseTo(billions, within(0.08));
    }

    /** Touvron et al. 2023, table 2 and model card of Llama 3; the exact counts are those of the released weights. */
    @ParameterizedTest(name = "{6}")
    @CsvSource(useHeadersInDisplayName = true, textBlock = """
            layers, hidden,   ffn, heads, kvHeads,  vocab,   parameters
                32,   4096, 11008,    32,      32,  32000,   6738415616
                40,   5120, 13824,    40,      40,  32000,  13015864320
                80,   8192, 22016,    64,      64,  32000,  65285660672
                32,   4096, 14336,    32,       8, 128256,   8030261248
                80,   8192, 28672,    64,       8, 128256,  70553706496
            """)
    void countsTheWeightsOfLlamas(
            int layers, int hidden, int ffn, int heads, int kvHeads, int vocab, double parameters) {
        assertThat(Shapes.llama(layers, hidden, ffn, heads, kvHeads, vocab, 4096).parameters())
                .isCloseTo(parameters, within(0.0002 * parameters));
    }

    /** Jiang et al. 2024: 46.7 billion weights, of which a token uses 12.9 billion. */
    @Test
    void countsTheWeightsOfAMixtureOfExperts() {
        ModelShape mixtral = Shapes.mixtral();
        double idle = mixtral.layers() * mixtral.expertLayerParameters() * 6 / 8;
        assertThat(mixtral.parameters() / 1e9).isCloseTo(46.7, within(0.05));
        assertThat((mixtral.parameters() - idle) / 1e9).isCloseTo(12.9, within(0.05));
        assertThat(mixtral.stepFlops(1) / 6)
                .as("FLOP of a token, without embedding look-up, with attention")
                .isCloseTo(12.9e9 - 32000 * 4096 + 32 * 4096.0 * 4096, within(0.01 * 12.9e9));
    }

    /** Narayanan et al. 2021, appendix, without recomputation: 72 B s l h^2 (1 + s/6h + V/12lh), attention halved. */
    @ParameterizedTest
    @CsvSource({"24, 2304, 24", "96, 12288, 96", "128, 25600, 160"})
    void countsTheFlopsOfAStep(int layers, int hidden, int heads) {
        double h = hidden;
        double formula = 72.0 * 512 * 2048 * layers * h * h
                * (1 + 2048 / (12 * h) + 51200 / (12.0 * layers * h));
        assertThat(Shapes.gpt(layers, hidden, heads, 51200, 2048).stepFlops(512L * 2048))
                .isCloseTo(formula, within(1e-9 * formula));
    }

    /** Brown et al. 2020, table D.1, counts 6 FLOP per weight and token: 3.14e23 for 300 billion tokens. */
    @Test
    void gpt3NeedsTheComputeThatItsPaperSays() {
        assertThat(Shapes.gpt3().stepFlops(300_000_000_000L)).isCloseTo(3.14e23, within(0.03 * 3.14e23));
    }

    @Test
    void refusesShapesThatDoNotExist() {
        assertThatThrownBy(() -> Shapes.gpt(0, 64, 4, 256, 128)).hasMessage("layers must be >= 1, got 0");
        assertThatThrownBy(() -> Shapes.gpt(2, 66, 4, 256, 128)).hasMessageContaining("hiddenSize (66)");
        assertThatThrownBy(() -> new ModelShape(2, 64, 64, 4, 4, 9, 8, true, true, 4, 5, 64))
                .hasMessageContaining("experts 4, topK 5");
    }
}

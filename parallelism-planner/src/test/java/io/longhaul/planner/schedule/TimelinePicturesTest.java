package io.longhaul.planner.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.planner.layout.Schedule;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;

class TimelinePicturesTest {
    private static Timeline timeline(Schedule schedule, int chunks, int stages, int microBatches) {
        Orders orders = Orders.of(schedule, stages, chunks, microBatches, stages);
        return Replay.run(orders, PassTimes.equal(orders.positions(), stages, 1e-3, 1e-3, 1e-3));
    }

    @ParameterizedTest
    @CsvSource({"ONE_F_ONE_B,1,4,8,0", "ZB_V,2,4,12,0", "INTERLEAVED,2,8,16,0", "ONE_F_ONE_B,1,64,1536,1"})
    void aPictureIsWellFormedSmallAndInsideItsFrame(Schedule schedule, int chunks, int stages,
            int microBatches,
            int leftOut) throws Exception {
        String svg = TimelineSvg.draw(timeline(schedule, chunks, stages, microBatches));
        Document document = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
        assertThat(document.getDocumentElement().getTagName()).isEqualTo("svg");
        assertThat(svg.length()).isLessThan(1_000_000);
        assertThat(svg.contains(". . .")).isEqualTo(leftOut == 1);
        assertThat(svg).doesNotContain("NaN");
        Pattern.compile("M([0-9.]+) ([0-9.]+)h([0-9.]+)")
                .matcher(svg)
                .results()
                .forEach(
                        box -> assertThat(Double.parseDouble(box.group(1)) + Double.parseDouble(box.group(3)))
                                .isLessThanOrEqualTo(960));
    }

    @ParameterizedTest
    @CsvSource({"ONE_F_ONE_B,1,2,3", "V_HALF,2,4,9"})
    void aTraceHoldsEveryPassOnce(Schedule schedule, int chunks, int stages, int microBatches)
            throws IOException {
        StringBuilder out = new StringBuilder();
        Timeline timeline = timeline(schedule, chunks, stages, microBatches);
        ChromeTrace.write(timeline, out);
        int passes = 0;
        for (int stage = 0; stage < stages; stage++) {
            passes += timeline.size(stage);
        }
        assertThat(out.toString().lines().filter(l -> l.contains("\"ph\":\"X\""))).hasSize(passes);
        assertThat(out.toString().lines().filter(l -> l.contains("\"ph\":\"C\""))).hasSize(passes);
        assertThat(out.toString()).startsWith("{").endsWith("]}\n").contains("\"name\":\"forward 2\"");
    }
}

package io.longhaul.planner.schedule;

import io.longhaul.planner.schedule.Timeline.Event;
import java.io.IOException;
import java.util.Locale;

/**
 * A timeline in the Trace Event Format that Chrome's tracing page and Perfetto read: a row per stage, a counter of the
 * activations that it holds. Times in microseconds, as the format wants them.
 */
public final class ChromeTrace {
    private ChromeTrace() {}

    /** @throws IOException what {@code out} throws */
    public static void write(Timeline timeline, Appendable out) throws IOException {
        out.append("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        out.append("{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"pipeline\"}}");
        for (int stage = 0; stage < timeline.stages(); stage++) {
            line(out,
                    "{\"ph\":\"M\",\"pid\":0,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"stage %d\"}}",
                    stage, stage);
            double[] held = timeline.heldBytes(stage);
            for (int i = 0; i < timeline.size(stage); i++) {
                Event event = timeline.event(stage, i);
                line(out,
                        "{\"ph\":\"X\",\"pid\":0,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"name\":\"%s %d\",\"cat\":\"%s\","
                                + "\"args\":{\"microBatch\":%d,\"chunk\":%d}}",
                        stage, 1e6 * event.start(),
                        1e6 * event.seconds(), name(event.kind()), event.microBatch(), name(event.kind()),
                        event.microBatch(), event.lane());
                line(out,
                        "{\"ph\":\"C\",\"pid\":0,\"ts\":%.3f,\"name\":\"activations of stage %d\",\"args\":{\"bytes\":%.0f}}",
                        1e6 * event.start(), stage, held[i]);
            }
        }
        out.append("\n]}\n");
    }

    private static void line(Appendable out, String format, Object... values) throws IOException {
        out.append(",\n").append(String.format(Locale.ROOT, format, values));
    }

    static String name(Timeline.Kind kind) {
        return switch (kind) {
            case FORWARD -> "forward";
            case INPUT_GRADIENT -> "input gradient";
            case WEIGHT_GRADIENT -> "weight gradient";
            case BACKWARD -> "backward";
        };
    }
}

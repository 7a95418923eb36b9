package io.longhaul.orchestrator.cli.watch;

import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.watch.LogWatch;
import io.longhaul.monitor.watch.Notice;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code longhaul watch}. */
@Command(name = "watch", mixinStandardHelpOptions = true, description = "Reads a training log and prints what is wrong as soon as it shows: loss, step time, errors. Needs no service.")
public final class WatchCommand implements Runnable {
    private static final int MOST_NOTICES = 10_000;
    private static final int MOST_UNKNOWN = 5;
    private static final int LONGEST_LINE = 1 << 16;

    @Parameters(paramLabel = "FILE", description = "log of Megatron-LM, DeepSpeed, NeMo, torchtitan, Hugging Face, nanoGPT or the like; - for standard input")
    private Path file = Path.of("-");

    @Option(names = {"-f",
            "--follow"}, description = "wait for more at the end of the file, until interrupted")
    private boolean follow;

    @Option(names = "--json", description = "print one JSON object per line")
    private boolean json;

    @Option(names = "--svg", paramLabel = "FILE", description = "draws the loss with a mark for everything found")
    private @Nullable Path svg;

    private final JsonMapper mapper = JsonMapper.builder().build();
    private final LogWatch watch = new LogWatch();
    private final CurveSketch curve = new CurveSketch();
    private final List<Notice> notices = new ArrayList<>();
    private final Map<String, Integer> counts = new TreeMap<>();
    private final PrintStream out = System.out;
    private long drawnStep = Long.MIN_VALUE;
    private boolean finished;

    @Override
    public void run() {
        Thread atInterrupt = new Thread(this::finish);
        Runtime.getRuntime().addShutdownHook(atInterrupt);
        try (InputStream in = file.toString().equals("-") ? System.in : Files.newInputStream(file);
                BufferedReader lines = new BufferedReader(
                        new InputStreamReader(in, StandardCharsets.UTF_8))) {
            read(lines);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
        finish();
        Runtime.getRuntime().removeShutdownHook(atInterrupt);
    }

    /** Line by line; a line that is not at its end yet waits for the rest, one without end is cut. */
    private void read(BufferedReader in) throws IOException {
        StringBuilder line = new StringBuilder();
        while (true) {
            int c = in.read();
            if (c >= 0 && c != '\n') {
                if (line.length() < LONGEST_LINE && c != '\r') {
                    line.append((char) c);
                }
            } else if (c == '\n' || !follow) {
                if (c == '\n' || !line.isEmpty()) {
                    accept(line.toString());
                }
                line.setLength(0);
                if (c < 0) {
                    return;
                }
            } else {
                try {
                    TimeUnit.MILLISECONDS.sleep(300);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
    }

    private synchronized void accept(String line) {
        for (Notice notice : watch.accept(line)) {
            counts.merge(notice.family() + ", " + notice.kind(), 1, Integer::sum);
            if (notices.size() < MOST_NOTICES) {
                notices.add(notice);
            }
            print(notice);
        }
        watch.newest().map(LossPoint::step).filter(step -> step != drawnStep).ifPresent(step -> {
            drawnStep = step;
            watch.newest().ifPresent(p -> curve.add(p.step(), p.loss().orElse(Double.NaN)));
        });
    }

    private void print(Notice notice) {
        if (!json) {
            out.println(
                    String.format(Locale.ROOT, "line %d: %s: %s, %s: %s", notice.line(),
                            notice.grade().name().toLowerCase(Locale.ROOT), notice.family(), notice.kind(),
                            notice.text()));
            return;
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("line", notice.line());
        notice.step().ifPresent(step -> object.put("step", step));
        object.put("grade", notice.grade().name().toLowerCase(Locale.ROOT));
        object.put("family", notice.family());
        object.put("kind", notice.kind());
        object.put("text", notice.text());
        out.println(mapper.writeValueAsString(object));
    }

    /** The summary, once, also when interrupted. */
    private synchronized void finish() {
        if (finished) {
            return;
        }
        finished = true;
        List<String> unknown = watch.unknownLines()
                .all()
                .stream()
                .limit(MOST_UNKNOWN)
                .map(k -> k.count() + " x " + k.example())
                .toList();
        if (json) {
            Map<String, Object> summary = new LinkedHashMap<>();
            summary.put("lines", watch.lines());
            summary.put("points", watch.points());
            summary.put("found", counts);
            summary.put("unknown", unknown);
            out.println(mapper.writeValueAsString(Map.of("summary", summary)));
        } else {
            out.println(watch.lines() + " lines, " + watch.points() + " points of the loss"
                    + (counts.isEmpty() ? ", nothing found" : ""));
            counts.forEach((kind, count) -> out.println("  " + count + " x " + kind));
            if (!unknown.isEmpty()) {
                out.println("lines that look like errors and are not known:");
                unknown.forEach(u -> out.println("  " + u));
            }
        }
        if (svg != null) {
            try {
                Files.writeString(svg, CurveSvg.draw(file.toString(), curve.buckets(), notices));
            } catch (IOException e) {
                throw new UncheckedIOException("cannot write " + svg + ": " + e.getMessage(), e);
            }
        }
    }
}

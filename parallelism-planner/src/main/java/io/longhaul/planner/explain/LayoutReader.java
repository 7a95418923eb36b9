package io.longhaul.planner.explain;

import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.LayerSplit;
import io.longhaul.planner.layout.Offload;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.layout.Recompute;
import io.longhaul.planner.layout.Schedule;
import io.longhaul.planner.layout.Sharding;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads a layout as people type it and as {@link ParallelLayout#toString} writes it, for instance {@code tp8 pp4x2 b2
 * zero1 recompute-full12}. What is not named is taken from another layout; the data-parallel degree and the number of
 * micro-batches follow from ranks and batch. Experts that are spread ({@code ep8}) without {@code etp} are whole.
 */
public final class LayoutReader {
    private static final Pattern COUNT = Pattern.compile("(tp|cp|pp|dp|ep|etp|b|zero|hsdp)(\\d{1,7})");
    private static final Pattern CHUNKS = Pattern.compile("pp(\\d{1,7})x(\\d{1,4})");
    private static final Pattern CONTEXT = Pattern.compile("(ring|all-to-all|hierarchical)-cp(\\d{1,7})");
    private static final Pattern LAYERS = Pattern.compile("layers\\[(\\d{1,5}(?:,\\d{1,5})*)]");
    private static final Pattern RECOMPUTE = Pattern.compile("recompute-(none|selective|full)(\\d{0,5})");
    private static final Pattern OFFLOAD = Pattern.compile("offload-(activations|optimizer)-(\\d{1,3})%");
    private static final String ALLOWED = "words such as tp8, pp4 or pp4x2 (chunks), cp2, all-to-all-cp2, dp16, ep8,"
            + " etp1, b2 (micro-batch), zero1, hsdp2, recompute-none|selective|full|full12, layers[11,13],"
            + " vocabulary-parallel, no-sp, offload-activations-50%, offload-optimizer-50%, a schedule ("
            + names(Schedule.values()) + "), a precision (" + names(Precision.values())
            + ") or an optimizer ("
            + names(OptimizerKind.values()) + ")";

    private ParallelLayout layout;
    private final int ranks;
    private final int globalBatch;
    private Optional<Integer> data = Optional.empty();
    private Optional<Integer> microBatch = Optional.empty();
    private Optional<Boolean> sequenceParallel = Optional.empty();
    private Optional<LayerSplit> split = Optional.empty();
    private boolean expertsNamed;
    private boolean expertTensorNamed;

    private LayoutReader(ParallelLayout base, int ranks, int globalBatch) {
        this.layout = base;
        this.ranks = ranks;
        this.globalBatch = globalBatch;
    }

    /**
     * @param base where what is not named comes from
     * @throws IllegalArgumentException with the word and what is allowed, or with the degrees that do not fit the ranks
     */
    public static ParallelLayout read(String text, ParallelLayout base, int ranks, int globalBatch) {
        LayoutReader reader = new LayoutReader(base, ranks, globalBatch);
        // Commas part words, except within the brackets of a split.
        String words = text.toLowerCase(Locale.ROOT)
                .replaceAll(",\\s*(?=[a-z]|1f1b)", " ")
                .replaceAll(",\\s+", ",");
        for (String word : words.trim().split("\\s+")) {
            reader.word(word);
        }
        return reader.whole(base);
    }

    private void word(String word) {
        boolean known = match(COUNT, word, this::count) || match(CHUNKS, word, this::chunks)
                || match(CONTEXT, word, this::context) || match(LAYERS, word, this::layers)
                || match(RECOMPUTE, word, this::recompute) || match(OFFLOAD, word, this::offload)
                || flag(word)
                || choice(word);
        if (!known) {
            throw new IllegalArgumentException(
                    "'" + word + "' names no part of a layout; allowed are " + ALLOWED);
        }
    }

    private static boolean match(Pattern pattern, String word, Function<MatchResult, ParallelLayout> read) {
        Matcher matcher = pattern.matcher(word);
        return matcher.matches() && read.apply(matcher) != null;
    }

    private ParallelLayout count(MatchResult word) {
        int n = Integer.parseInt(word.group(2));
        switch (word.group(1)) {
            case "dp" -> data = Optional.of(positive("dp", n));
            case "b" -> microBatch = Optional.of(positive("b", n));
            case "zero" -> layout = layout.withSharding(
                    new Sharding(atMost("zero", n, 3), n == 0 ? 1 : layout.sharding().replicas()));
            case "hsdp" -> layout = layout.withSharding(
                    new Sharding(Math.max(1, layout.sharding().stage()), positive("hsdp", n)));
            case "ep" -> {
                layout = layout.withExperts(positive("ep", n), expertTensorNamed ? layout.expertTensor() : 1);
                expertsNamed = n > 1;
            }
            case "etp" -> {
                layout = layout.withExperts(layout.expert(), positive("etp", n));
                expertTensorNamed = true;
            }
            default -> degree(word.group(1), positive(word.group(1), n));
        }
        return layout;
    }

    private void degree(String name, int n) {
        int tensor = name.equals("tp") ? n : layout.tensor();
        int context = name.equals("cp") ? n : layout.context();
        int pipeline = name.equals("pp") ? n : layout.pipeline();
        layout = degrees(layout, tensor, context, pipeline, layout.data(), layout.microBatch(),
                layout.microBatches());
    }

    private static ParallelLayout degrees(ParallelLayout of, int tensor, int context, int pipeline, int data,
            int microBatch, int microBatches) {
        return new ParallelLayout(
                tensor, context, pipeline, data, of.expert(), of.expertTensor(), of.schedule(), of.chunks(),
                pipeline == of.pipeline() ? of.split() : Optional.empty(), of.vocabularyParallel(),
                of.sequenceParallel(), of.contextKind(), of.sharding(), of.recompute(), of.offload(),
                of.precision(), of.optimizer(), microBatch, microBatches);
    }

    private ParallelLayout chunks(MatchResult word) {
        degree("pp", positive("pp", Integer.parseInt(word.group(1))));
        int chunks = positive("chunks", Integer.parseInt(word.group(2)));
        Schedule schedule = layout.schedule() == Schedule.ONE_F_ONE_B && chunks > 1
                ? Schedule.INTERLEAVED
                : layout.schedule();
        layout = layout.withSchedule(schedule, chunks);
        return layout;
    }

    private ParallelLayout context(MatchResult word) {
        degree("cp", positive("cp", Integer.parseInt(word.group(2))));
        layout = layout.withContextKind(
                ContextKind.valueOf(word.group(1).toUpperCase(Locale.ROOT).replace('-', '_')));
        return layout;
    }

    private ParallelLayout layers(MatchResult word) {
        split = Optional.of(
                new LayerSplit(
                        Arrays.stream(word.group(1).split(",")).map(Integer::parseInt).toList()));
        return layout;
    }

    private ParallelLayout recompute(MatchResult word) {
        boolean some = !word.group(2).isEmpty();
        if (some && !word.group(1).equals("full")) {
            throw new IllegalArgumentException("'" + word.group() + "': only recompute-full counts layers");
        }
        layout = layout.withRecompute(switch (word.group(1)) {
            case "none" -> Recompute.NONE;
            case "selective" -> Recompute.SELECTIVE;
            default -> some
                    ? Recompute.full(positive("recompute-full", Integer.parseInt(word.group(2))))
                    : Recompute.FULL;
        });
        return layout;
    }

    private ParallelLayout offload(MatchResult word) {
        double share = atMost(word.group(), Integer.parseInt(word.group(2)), 100) / 100.0;
        Offload old = layout.offload();
        layout = layout.withOffload(
                word.group(1).equals("activations")
                        ? new Offload(share, old.optimizer())
                        : new Offload(old.activations(), share));
        return layout;
    }

    private boolean flag(String word) {
        switch (word) {
            case "sp" -> sequenceParallel = Optional.of(true);
            case "no-sp" -> sequenceParallel = Optional.of(false);
            case "vocabulary-parallel" -> layout = layout.withVocabularyParallel(true);
            case "no-vocabulary-parallel" -> layout = layout.withVocabularyParallel(false);
            case "1f1b" -> layout = layout.withSchedule(Schedule.ONE_F_ONE_B, 1);
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean choice(String word) {
        Optional<Schedule> schedule = named(Schedule.values(), word);
        schedule.ifPresent(s -> layout = layout.withSchedule(s, switch (s) {
            case INTERLEAVED -> Math.max(2, layout.chunks());
            case ZB_V, V_HALF, V_MIN -> 2;
            case ONE_F_ONE_B, ZB_H1, ZB_H2, DUAL_PIPE -> 1;
        }));
        Optional<Precision> precision = named(Precision.values(), word);
        precision.ifPresent(p -> layout = layout.withPrecision(p));
        Optional<OptimizerKind> optimizer = named(OptimizerKind.values(), word);
        optimizer.ifPresent(o -> layout = layout.withOptimizer(o));
        return schedule.isPresent() || precision.isPresent() || optimizer.isPresent();
    }

    private static <E extends Enum<E>> Optional<E> named(E[] choices, String word) {
        return Stream.of(choices).filter(c -> lower(c).equals(word)).findFirst();
    }

    private ParallelLayout whole(ParallelLayout base) {
        ParallelLayout c = layout;
        long share = (long) c.tensor() * c.context() * c.pipeline();
        if (data.isEmpty() && ranks % share != 0) {
            throw new IllegalArgumentException(
                    "tp * cp * pp (" + c.tensor() + " * " + c.context() + " * " + c.pipeline() + " = " + share
                            + ") must divide the ranks (" + ranks + ")");
        }
        int replicas = data.orElseGet(() -> (int) (ranks / share));
        if (replicas * share != ranks) {
            throw new IllegalArgumentException(
                    "tp * cp * pp * dp (" + share + " * " + replicas + " = " + share * replicas
                            + ") must be the ranks (" + ranks + "); dp " + ranks / share + " is left");
        }
        int perReplica = globalBatch / replicas;
        int b = microBatch.orElseGet(() -> perReplica % c.microBatch() == 0 ? c.microBatch() : 1);
        if (globalBatch % ((long) replicas * b) != 0) {
            throw new IllegalArgumentException(
                    "dp * b (" + replicas + " * " + b + ") must divide the global batch (" + globalBatch
                            + "); nearest batches are " + nearest((long) replicas * b));
        }
        boolean sp = c.tensor() > 1
                && sequenceParallel.orElse(base.tensor() > 1 ? base.sequenceParallel() : true);
        boolean followsTensor = !expertsNamed && !expertTensorNamed && base.expertTensor() == base.tensor();
        ParallelLayout whole = degrees(c, c.tensor(), c.context(), c.pipeline(), replicas, b, perReplica / b)
                .withSequenceParallel(sp)
                .withExperts(c.expert(), followsTensor ? c.tensor() : c.expertTensor());
        return split.isPresent() ? whole.withSplit(split) : whole;
    }

    private String nearest(long step) {
        long below = globalBatch / step * step;
        return below == 0 ? Long.toString(step) : below + " and " + (below + step);
    }

    private static int positive(String field, int n) {
        if (n < 1) {
            throw new IllegalArgumentException(field + " must be >= 1, got " + n);
        }
        return n;
    }

    private static int atMost(String field, int n, int most) {
        if (n > most) {
            throw new IllegalArgumentException(field + " must be 0 to " + most + ", got " + n);
        }
        return n;
    }

    private static String names(Enum<?>[] choices) {
        return String.join(", ", List.of(choices).stream().map(LayoutReader::lower).toList());
    }

    private static String lower(Enum<?> choice) {
        return choice == Schedule.ONE_F_ONE_B
                ? "1f1b"
                : choice.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

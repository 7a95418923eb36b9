package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.orchestrator.run.RunSpec.Cluster;
import io.longhaul.orchestrator.run.RunSpec.Model;
import io.longhaul.orchestrator.run.RunSpec.Moe;
import io.longhaul.orchestrator.run.RunSpec.Policies;
import io.longhaul.orchestrator.run.RunSpec.Training;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.layout.ContextKind;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Broken;
import io.longhaul.planner.legal.Fact;
import io.longhaul.planner.legal.Facts;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Rule;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.legal.Version;
import io.longhaul.planner.search.PlanRequest.Fixed;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * Reads a RunSpec from YAML or JSON (JSON is YAML). Strict: an unknown, missing, contradictory or out-of-range
 * field is refused, all of them together, so that a spec is mended in one go.
 */
public final class RunSpecReader {
    private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?");
    private static final Pattern NO_NUMBER = Pattern.compile("^Malformed numeric value '([^:' ]+)");
    private static final String DOCUMENT = "one YAML or JSON object";
    private static final int MAX_CHARACTERS = 1 << 20;
    private static final YAMLMapper MAPPER = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private RunSpecReader() {}

    /** @throws InvalidRunSpecException with every problem */
    public static RunSpec read(String text) {
        return read(text, Optional.empty());
    }

    /**
     * @param objective in place of the text's own
     * @throws InvalidRunSpecException with every problem
     */
    public static RunSpec read(String text, Optional<RunSpec.Objective> objective) {
        List<FieldProblem> problems = new ArrayList<>();
        RunSpec spec = spec(new SpecNode(parse(text), "", problems), objective, problems);
        if (!problems.isEmpty()) {
            throw new InvalidRunSpecException(problems);
        }
        return spec;
    }

    /** Like {@link #read}, for a run that is to be launched and not only planned. */
    public static RunSpec readToLaunch(String text) {
        RunSpec spec = read(text);
        if (spec.backend() == RunSpec.Backend.LOCAL && spec.cluster() instanceof Cluster.Described) {
            throw refused("/cluster/kind", "described", "this-machine",
                    "the local backend starts workers on this machine only; longhaul plan takes any cluster");
        }
        return spec;
    }

    private static JsonNode parse(String text) {
        if (text.length() > MAX_CHARACTERS) {
            throw refused("", "more than " + MAX_CHARACTERS + " characters", DOCUMENT,
                    "a RunSpec is a page long");
        }
        try (JsonParser parser = MAPPER.createParser(text)) {
            return parse(parser);
        }
    }

    private static JsonNode parse(JsonParser parser) {
        try {
            JsonNode tree = MAPPER.readTree(parser);
            if (tree == null || !tree.isObject()) {
                throw refused("", "not an object with fields", DOCUMENT, "see examples/");
            }
            if (parser.nextToken() != null) {
                throw refused("", "more than one document", DOCUMENT, "submit each by itself");
            }
            return tree;
        } catch (JacksonException e) {
            String pointer = parser.streamReadContext().pathAsPointer().toString();
            String message = e.getOriginalMessage();
            Matcher number = NO_NUMBER.matcher(message);
            if (number.find()) {
                throw refused(pointer, number.group(1), "a finite number", "");
            }
            throw refused(pointer, e.getLocation() == null
                    ? message
                    : "line " + e.getLocation().getLineNr() + ": " + message, DOCUMENT, "");
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            // The YAML parser lets numbers it cannot convert escape like this.
            throw refused("", String.valueOf(e.getMessage()), DOCUMENT, "");
        }
    }

    private static InvalidRunSpecException refused(String pointer, String value, String allowed,
            String hint) {
        return new InvalidRunSpecException(List.of(new FieldProblem(pointer, value, allowed, hint)));
    }

    private static RunSpec spec(SpecNode root, Optional<RunSpec.Objective> instead,
            List<FieldProblem> problems) {
        String name = root.text("name", NAME, "1 to 40 lower-case letters, digits and inner hyphens");
        Model model = model(root.requiredObject("model"));
        Training training = training(root.requiredObject("training"), model);
        Cluster cluster = cluster(root.requiredObject("cluster"));
        RunSpec.Framework framework = root.choice("framework", RunSpec.Framework.class,
                RunSpec.Framework.REFERENCE);
        Version version = version(root, framework);
        RunSpec.Objective own = root.choice("objective", RunSpec.Objective.class, RunSpec.Objective.TIME);
        RunSpec.Objective objective = instead.orElse(own);
        Legality legality = Legality.of(framework.trainer(), version);
        Planning planning = PlanningReader.read(root.object("planning"), cluster,
                training.recipe().globalBatch(), objective, legality);
        Optional<Fixed> layout = layout(root, model, cluster, training, planning.spareNodes(), legality,
                problems);
        Policies policies = policies(root.object("policies"));
        RunSpec.Backend backend = root.choice("backend", RunSpec.Backend.class, RunSpec.Backend.LOCAL);
        Optional<PodTemplate> kubernetes = PodTemplateReader.read(root, backend, cluster);
        if (backend == RunSpec.Backend.KUBERNETES && training.data().isEmpty()) {
            root.object("training")
                    .problem("data", "", "the directory of the corpus in the pods",
                            "pods cannot see the corpus that this machine has");
        }
        if (framework != RunSpec.Framework.MEGATRON_LM && model.moe().isPresent()) {
            root.problem("framework", Responses.lower(framework.name()), "megatron-lm",
                    "the other trainers have no mixture of experts of this kind");
        }
        if (framework == RunSpec.Framework.DEEPSPEED
                && training.recipe().schedule() == Recipe.Schedule.WSD) {
            root.problem("framework", "deepspeed", "megatron-lm or reference",
                    "Megatron-DeepSpeed has no WSD schedule; it has constant, linear and cosine");
        }
        root.nothingElse();
        return new RunSpec(name, model, training, cluster, framework, version, objective, layout, planning,
                policies, backend, kubernetes);
    }

    private static Version version(SpecNode root, RunSpec.Framework framework) {
        Trainer trainer = framework.trainer();
        Version oldest = trainer.versions().getFirst();
        Optional<String> text = root.optionalText("frameworkVersion");
        try {
            Version version = text.map(Version::of).orElse(trainer.newest());
            if (version.compareTo(oldest) >= 0) {
                return version;
            }
        } catch (IllegalArgumentException e) {
            // Said below, like a version that is too old.
        }
        root.problem(
                "frameworkVersion", text.orElse(""), "main, or a release from " + oldest + " on",
                "examined: " + trainer.versions()
                        .stream()
                        .map(Version::toString)
                        .collect(Collectors.joining(", ")));
        return trainer.newest();
    }

    private static Model model(SpecNode node) {
        int layers = (int) node.integer("layers", 1, 10_000);
        int hidden = (int) node.integer("hiddenSize", 8, 1 << 20);
        int heads = (int) node.integer("attentionHeads", 1, 4096);
        int kvHeads = (int) node.integer("kvHeads", 1, 4096, heads);
        int ffn = (int) node.integer("ffnHiddenSize", 8, 1 << 22, 4L * hidden);
        int vocab = (int) node.integer("vocabSize", 2, 10_000_000);
        int sequence = (int) node.integer("sequenceLength", 8, 1 << 24);
        boolean gated = node.flag("gatedMlp", false);
        boolean tied = node.flag("tiedEmbeddings", true);
        if (hidden % heads != 0) {
            node.problem("attentionHeads", "a divisor of hiddenSize " + hidden, "");
        }
        if (heads % kvHeads != 0) {
            node.problem("kvHeads", "a divisor of attentionHeads " + heads, "");
        }
        Optional<Moe> moe = Optional.empty();
        if (node.has("moe")) {
            SpecNode inner = node.object("moe");
            int experts = (int) inner.integer("experts", 2, 65_536);
            int topK = (int) inner.integer("topK", 1, experts);
            moe = Optional.of(new Moe(experts, topK, (int) inner.integer("expertFfnHiddenSize", 8, 1 << 22)));
            inner.nothingElse();
        }
        node.nothingElse();
        return new Model(layers, hidden, ffn, heads, kvHeads, vocab, sequence, gated, tied, moe);
    }

    private static Training training(SpecNode node, Model model) {
        long tokens = node.integer("tokens", 1, 1_000_000_000_000_000L);
        int batch = (int) node.integer("globalBatch", 1, 10_000_000);
        long steps = Math.ceilDiv(tokens, Math.max(1, (long) batch * model.sequenceLength()));
        double rate = node.number("learningRate", 1e-9, 10, Double.NaN);
        double low = node.number(
                "minLearningRate", 0, 10,
                Double.isNaN(rate) ? rate : BigDecimal.valueOf(rate).movePointLeft(1).doubleValue());
        long warmup = node.integer("warmupSteps", 0, Integer.MAX_VALUE, Math.min(steps / 100, 2000));
        Recipe.Schedule schedule = node.choice("schedule", Recipe.Schedule.class, Recipe.Schedule.COSINE);
        long decay = node.integer("decaySteps", 1, Long.MAX_VALUE / 4, steps);
        long wsd = node.integer(
                "wsdDecaySteps", 0, Long.MAX_VALUE / 4,
                schedule == Recipe.Schedule.WSD ? Math.max(1, decay / 5) : 0);
        double weightDecay = node.number("weightDecay", 0, 1, 0.1);
        double clip = node.number("gradientClip", 0, 1e6, 1);
        int every = (int) node.integer("checkpointEverySteps", 1, Integer.MAX_VALUE, Math.max(1, steps / 20));
        int seed = (int) node.integer("seed", 0, Integer.MAX_VALUE, 1234);
        Optional<String> data = node.optionalText("data");
        if (low > rate) {
            node.problem("minLearningRate", "at most learningRate " + rate, "");
        }
        if (schedule != Recipe.Schedule.CONSTANT && warmup >= decay) {
            node.problem("warmupSteps", "less than decaySteps " + decay, "");
        } else if (warmup > steps) {
            node.problem("warmupSteps", "at most the run's " + steps + " steps", "");
        }
        if (schedule == Recipe.Schedule.WSD && (wsd < 1 || wsd > decay)) {
            node.problem("wsdDecaySteps", "from 1 to decaySteps " + decay, "");
        }
        node.nothingElse();
        return new Training(
                tokens,
                new Recipe(batch, rate, low, (int) warmup, schedule, decay, wsd, weightDecay, clip),
                every,
                seed,
                data);
    }

    private enum ClusterKind {
        THIS_MACHINE, DESCRIBED
    }

    private static Cluster cluster(SpecNode node) {
        ClusterKind kind = node.choice("kind", ClusterKind.class, ClusterKind.THIS_MACHINE);
        Cluster cluster;
        if (kind == ClusterKind.THIS_MACHINE) {
            cluster = new Cluster.ThisMachine((int) node.integer("ranks", 0, 1024, 0));
        } else {
            int nodes = (int) node.integer("nodes", 1, 100_000);
            String name = node.optionalText("accelerator").orElse("");
            Optional<Accelerator> accelerator = Accelerator.named(name);
            if (accelerator.isEmpty()) {
                node.problem("accelerator", name,
                        "one of " + Accelerator.known()
                                .stream()
                                .map(Accelerator::name)
                                .collect(Collectors.joining(", ")),
                        "");
            }
            Accelerator device = accelerator.orElse(Accelerator.known().getFirst());
            cluster = new Cluster.Described(
                    nodes,
                    (int) node.integer("devicesPerNode", 1, 1024, device.devicesPerNode()),
                    device.name(),
                    node.number("intraNodeGBps", 0.01, 1e5, device.intraNodeBandwidth() / 1e9),
                    node.number("interNodeGBps", 0.01, 1e5, device.interNodeBandwidth() / 1e9));
        }
        node.nothingElse();
        return cluster;
    }

    private static Optional<Fixed> layout(
            SpecNode root, Model model, Cluster cluster, Training training, int spareNodes,
            Legality legality, List<FieldProblem> problems) {
        if (!root.has("layout")) {
            return Optional.empty();
        }
        SpecNode node = root.object("layout");
        Fixed fixed = new Fixed(
                node.optionalInteger("tensor", 1, 1024), node.optionalInteger("pipeline", 1, 10_000),
                node.optionalInteger("data", 1, 1_000_000), node.optionalInteger("context", 1, 1024));
        node.nothingElse();
        long product = fixed.ranks();
        long ranks = switch (cluster) {
            case Cluster.ThisMachine m -> m.ranks() == 0 ? product : m.ranks();
            case Cluster.Described d -> (long) (d.nodes() - spareNodes) * d.devicesPerNode();
        };
        if (fixed.whole() ? product != ranks : ranks % product != 0) {
            node.problem("", product + " ranks",
                    fixed.whole()
                            ? "degrees whose product is the cluster's " + ranks
                            : "degrees whose product divides the cluster's " + ranks,
                    "");
        }
        if (problems.stream().noneMatch(RunSpecReader::concernsLayout)) {
            // On as many ranks as the degrees make: that they are others is said already.
            long ranksPerNode = cluster instanceof Cluster.Described d ? d.devicesPerNode() : product;
            Facts facts = Facts.of(model.shape(), product, ranksPerNode, 0, training.recipe().globalBatch());
            broken(node, facts, fixed, legality);
        }
        return Optional.of(fixed);
    }

    private static boolean concernsLayout(FieldProblem problem) {
        return Stream.of("/model", "/layout/", "/cluster", "/framework", "/training/globalBatch")
                .anyMatch(problem.pointer()::startsWith);
    }

    /** What the framework refuses of these degrees whatever else the planner chooses. */
    private static void broken(SpecNode node, Facts facts, Fixed degrees, Legality legality) {
        ParallelLayout plain = ParallelLayout
                .of(degrees.tensor().orElse(1), degrees.context().orElse(1), degrees.pipeline().orElse(1),
                        degrees.data().orElse(1), 1, 1)
                .withSequenceParallel(false)
                .withContextKind(
                        legality.trainer() == Trainer.DEEPSPEED ? ContextKind.ALL_TO_ALL : ContextKind.RING);
        boolean anySplit = legality.masks().stream().noneMatch(rule -> rule.id().equals("uneven-split"));
        for (Broken b : legality.broken(facts.layout(plain))) {
            if (b.kind() == Rule.Kind.POLICY
                    || b.rule().equals("layers-pp") && anySplit && legality.trainer() != Trainer.REFERENCE) {
                continue;
            }
            Fact degree = Stream.of(Fact.CP, Fact.TP, Fact.PP, Fact.DP)
                    .filter(fact -> b.values().containsKey(fact.key()) && facts.get(fact) > 1)
                    .findFirst()
                    .orElse(Fact.DP);
            String near = b.mend()
                    .stream()
                    .map(m -> (m.fact() == Fact.GBS ? "globalBatch " : m.fact().label() + " ") + m.value())
                    .collect(Collectors.joining(" or "));
            node.problem(degree.label(), Long.toString(facts.get(degree)),
                    near.isEmpty() ? "what the framework can run" : near, b.message());
        }
    }

    private static Policies policies(SpecNode node) {
        Policies policies = new Policies(
                node.choice("adapt", Policies.Adapt.class, Policies.Adapt.AUTO),
                (int) node.integer("maxRestarts", 0, 10_000, 8),
                node.duration("stallTimeout", Duration.ofSeconds(60)),
                node.duration("startTimeout", Duration.ofSeconds(120)),
                (int) node.integer("skipMarginSteps", 0, 100_000, 8),
                node.flag("dryRun", false),
                node.choice("preflight", Policies.Preflight.class, Policies.Preflight.OFF),
                node.choice("restart", Policies.Restart.class, Policies.Restart.IN_PLACE));
        node.nothingElse();
        return policies;
    }
}

package io.longhaul.orchestrator.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.StepRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Launch text against what the frameworks themselves accept, over plans of drawn runs. */
class LaunchTextTest {
    /** Options and rules read from the frameworks' sources; not part of this repository. */
    private static final Path FRAMEWORKS = Path.of("../../shared/data/frameworks");
    private static final int SEEDS = 60;
    private static final JsonMapper MAPPER = new JsonMapper();

    private record Launch(RunSpec spec, PlannedRun plan, LaunchContext context, List<String> command) {
        private int data() {
            return plan.layout().data();
        }
    }

    /** A drawn run with its plan, as its first attempt or as a later one; empty if nothing fits. */
    private static Optional<Launch> draw(String framework, long seed, Path directory) throws IOException {
        Random random = new Random(seed);
        boolean reference = framework.equals("reference");
        int heads = pick(random, 4, 8, 32, 40);
        boolean moe = framework.equals("megatron-lm") && random.nextInt(3) == 0;
        boolean wsd = !framework.equals("deepspeed") && random.nextBoolean();
        String text = String.join(
                "\n", "name: drawn", "framework: " + framework, "model:",
                "  layers: " + pick(random, 4, 12, 40), "  hiddenSize: " + heads * (reference ? 16 : 128),
                "  attentionHeads: " + heads,
                "  kvHeads: " + heads / pick(random, 1, 1, 4), "  vocabSize: 32000",
                "  sequenceLength: " + (reference ? 64 : pick(random, 2048, 4100, 8192)),
                "  gatedMlp: " + random.nextBoolean(), "  tiedEmbeddings: " + random.nextBoolean(),
                moe ? "  moe: { experts: 8, topK: 2, expertFfnHiddenSize: 2048 }" : "", "training:",
                "  tokens: 10000000000", "  globalBatch: " + pick(random, 96, 256), "  learningRate: 3e-4",
                "  schedule: "
                        + (wsd ? "wsd" : List.of("cosine", "linear", "constant").get(random.nextInt(3))),
                reference
                        ? "cluster: { ranks: 2 }"
                        : "cluster: { kind: described, nodes: " + pick(random, 1, 2, 6, 8)
                                + ", accelerator: H100-SXM-80GB }");
        RunSpec spec = RunSpecReader.read(text);
        PlanService plans = MachineFake.plans(directory);
        try {
            PlannedRun plan = plans.plan(spec);
            Recipe recipe = spec.training().recipe();
            LaunchContext context = random.nextBoolean()
                    ? new LaunchContext(recipe, 0, List.of(), "/data", "/checkpoints")
                    : new LaunchContext(recipe, 50, List.of(new StepRange(60, 64)), "/data", "/checkpoints");
            return Optional
                    .of(new Launch(spec, plan, context, plans.rankProcess(spec, plan, context).command()));
        } catch (NoPlanException e) {
            return Optional.empty();
        }
    }

    private static int pick(Random random, int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private static List<Launch> launches(String framework, Path directory) throws IOException {
        List<Launch> launches = new ArrayList<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            draw(framework, seed, directory).ifPresent(launches::add);
        }
        assertThat(launches).as("drawn runs with a plan").hasSizeGreaterThan(SEEDS / 2);
        return launches;
    }

    /** Options with their values, from the words after the script. */
    private static Map<String, List<String>> options(List<String> command) {
        Map<String, List<String>> options = new LinkedHashMap<>();
        List<String> values = new ArrayList<>();
        for (String word : command.subList(2, command.size())) {
            if (word.startsWith("--")) {
                values = new ArrayList<>();
                assertThat(options.put(word, values)).as(word + " is given once").isNull();
            } else {
                values.add(word);
            }
        }
        return options;
    }

    @Test
    void megatronKnowsEveryOptionAndItsConstraintsHold(@TempDir Path directory) throws IOException {
        JsonNode framework = framework("megatron-lm-options.json");
        Map<String, JsonNode> known = new HashMap<>();
        framework.path("options").forEach(option -> known.put(option.path("flag").asString(), option));
        TreeSet<String> judged = new TreeSet<>();
        for (Launch launch : launches("megatron-lm", directory)) {
            Map<String, List<String>> options = options(launch.command());
            options.forEach((flag, values) -> judge(flag, values, known.get(flag)));
            Map<String, Long> names = names(launch, options);
            for (JsonNode rule : framework.path("constraints")) {
                String expression = rule.path("expr").asString("");
                if (rule.path("effect").asString().startsWith("error")
                        && Expression.isCondition(expression, names.keySet())) {
                    judged.add(rule.path("id").asString());
                    assertThat(Expression.holds(expression, names))
                            .as("%s: %s in %s", rule.path("id"), rule.path("rule"), launch.command())
                            .isTrue();
                }
            }
            wordedRules(options);
        }
        assertThat(judged).contains(
                "world-model", "world-expert", "heads-tp", "kv-tp", "kv-channels", "sp-tp", "sp-seq",
                "layers-pp", "batch-divisible", "cp-seq", "experts-ep");
    }

    private static JsonNode framework(String file) throws IOException {
        Path path = FRAMEWORKS.resolve(file);
        assumeTrue(Files.exists(path), () -> path + " is absent: the framework's own options cannot judge");
        return MAPPER.readTree(Files.readAllBytes(path));
    }

    private static void judge(String flag, List<String> values, JsonNode option) {
        assertThat(option).as(flag + " is an option of Megatron-LM").isNotNull();
        if (!option.path("kind").asString().equals("value")) {
            assertThat(values).as(flag).isEmpty();
            return;
        }
        if (option.has("nargs")) {
            assertThat(values).as(flag).isNotEmpty();
        } else {
            assertThat(values).as(flag).hasSize(1);
        }
        for (String value : values) {
            switch (option.path("type").asString("")) {
                case "int" -> assertThat(value).as(flag).matches("-?\\d+");
                case "float" -> assertThat(Double.parseDouble(value)).as(flag).isFinite();
                default -> assertThat(value).as(flag).isNotBlank();
            }
            if (option.has("choices")) {
                assertThat(option.path("choices")).as(flag).extracting(JsonNode::asString).contains(value);
            }
        }
    }

    private static Map<String, Long> names(Launch launch, Map<String, List<String>> options) {
        Map<String, Long> names = new HashMap<>();
        names.put("world", (long) launch.plan().nodes() * launch.plan().ranksPerNode());
        names.put("dp", (long) launch.data());
        for (String one : List.of("gtp", "egtp")) {
            names.put(one, 1L);
        }
        names.put("embCount", 0L);
        names.put("lossCount", 0L);
        names.put("sp", options.containsKey("--sequence-parallel") ? 1L : 0L);
        String heads = options.get("--num-attention-heads").getFirst();
        Map.ofEntries(
                Map.entry("tp", "--tensor-model-parallel-size"),
                Map.entry("etp", "--tensor-model-parallel-size"),
                Map.entry("pp", "--pipeline-model-parallel-size"), Map.entry("cp", "--context-parallel-size"),
                Map.entry("ep", "--expert-model-parallel-size"), Map.entry("heads", "--num-attention-heads"),
                Map.entry("groups", "--num-query-groups"), Map.entry("hidden", "--hidden-size"),
                Map.entry("seq", "--seq-length"), Map.entry("layers", "--num-layers"),
                Map.entry("gbs", "--global-batch-size"), Map.entry("mbs", "--micro-batch-size"),
                Map.entry("experts", "--num-experts"))
                .forEach((name, flag) -> {
                    String unset = name.equals("groups") ? heads : "1";
                    names.put(name, Long.parseLong(options.getOrDefault(flag, List.of(unset)).getFirst()));
                });
        return names;
    }

    /** Rules that the file has in words only. */
    private static void wordedRules(Map<String, List<String>> options) {
        List<String> recompute = options.getOrDefault("--recompute-granularity", List.of());
        boolean full = recompute.contains("full");
        assertThat(options.containsKey("--recompute-method")).isEqualTo(full);
        assertThat(options.containsKey("--recompute-num-layers")).isEqualTo(full);
        if (options.containsKey("--overlap-param-gather")) {
            assertThat(options).containsKeys("--overlap-grad-reduce", "--use-distributed-optimizer");
        }
        assertThat(options.containsKey("--num-experts"))
                .isEqualTo(options.containsKey("--expert-model-parallel-size"));
        assertThat(real(options, "--min-lr")).isLessThanOrEqualTo(real(options, "--lr"));
        assertThat(real(options, "--seq-length"))
                .isLessThanOrEqualTo(real(options, "--max-position-embeddings"));
        assertThat(real(options, "--save-interval")).isPositive();
        assertThat(options.containsKey("--lr-wsd-decay-iters"))
                .isEqualTo(options.get("--lr-decay-style").equals(List.of("WSD")));
        if (options.containsKey("--load")) {
            assertThat(options).containsKeys("--ckpt-step", "--override-opt_param-scheduler");
            assertThat(options.get("--iterations-to-skip")).containsExactly("60", "61", "62", "63", "64");
        }
    }

    private static double real(Map<String, List<String>> options, String flag) {
        return Double.parseDouble(options.get(flag).getFirst());
    }

    @Test
    void deepSpeedKnowsEveryKeyAndItsConstraintsHold(@TempDir Path directory) throws IOException {
        Map<String, JsonNode> known = new HashMap<>();
        framework("deepspeed-options.json").path("options")
                .forEach(option -> known.put(option.path("key").asString(), option));
        TreeSet<Integer> stages = new TreeSet<>();
        for (Launch launch : launches("deepspeed", directory)) {
            JsonNode config = MAPPER.readTree(LaunchRenderer.config(launch.spec(), launch.plan()));
            judge("", config, known);
            int stage = config.path("zero_optimization").path("stage").asInt();
            stages.add(stage);
            assertThat(config.path("train_batch_size").asInt())
                    .isEqualTo(
                            config.path("train_micro_batch_size_per_gpu").asInt()
                                    * config.path("gradient_accumulation_steps").asInt() * launch.data());
            Map<String, List<String>> options = options(launch.command());
            boolean pipeline = !options.containsKey("--no-pipeline-parallel");
            assertThat(pipeline && stage > 1).as("pipeline engine with stage %s", stage).isFalse();
            assertThat(pipeline).isEqualTo(launch.plan().layout().pipeline() > 1);
            assertThat(options.get("--zero-stage")).containsExactly(Integer.toString(stage));
            assertThat(options.get("--micro-batch-size"))
                    .containsExactly(config.path("train_micro_batch_size_per_gpu").asString());
        }
        assertThat(stages).as("stages among the plans").hasSizeGreaterThan(1);
    }

    private static void judge(String prefix, JsonNode node, Map<String, JsonNode> known) {
        for (Map.Entry<String, JsonNode> field : node.properties()) {
            String key = prefix + field.getKey();
            JsonNode value = field.getValue();
            if (value.isObject()) {
                judge(key + ".", value, known);
                continue;
            }
            JsonNode option = known.get(key);
            assertThat(option).as(key + " is a key of DeepSpeed").isNotNull();
            switch (option.path("type").asString()) {
                case "int", "ZeroStageEnum" -> assertThat(value.isInt()).as(key).isTrue();
                case "float" -> assertThat(value.isNumber()).as(key).isTrue();
                case "bool", "Optional[bool]" -> assertThat(value.isBoolean()).as(key).isTrue();
                default ->
                    throw new AssertionError(key + " has a type that this test does not know: " + option);
            }
        }
    }

    /** The trainer's own parser takes what is rendered for it. */
    @Test
    void theReferenceTrainerTakesItsArguments(@TempDir Path directory) throws Exception {
        List<List<String>> all = new ArrayList<>();
        for (Launch launch : launches("reference", directory)) {
            // Program, -m and module come before the arguments.
            all.add(launch.command().subList(3, launch.command().size()));
        }
        String program = "import json, sys; from longhaul_trainer.arguments import parse; "
                + "print(sum(parse(a, 2) is not None for a in json.load(sys.stdin)))";
        ProcessBuilder builder = new ProcessBuilder("python3", "-c", program).redirectErrorStream(true);
        builder.environment().put("PYTHONPATH", Path.of("../worker").toAbsolutePath().toString());
        Process process = builder.start();
        process.getOutputStream().write(MAPPER.writeValueAsBytes(all));
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output.strip()).isEqualTo(Integer.toString(all.size()));
    }
}

package io.longhaul.orchestrator.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.longhaul.orchestrator.plan.DrawnLaunches.Launch;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.RunSpecReader;
import io.longhaul.orchestrator.run.StepRange;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.legal.Version;
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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Launch text against what the frameworks themselves accept, over plans of drawn runs. */
class LaunchTextTest {
    /** Options and rules read from the frameworks' sources; not part of this repository. */
    private static final Path FRAMEWORKS = Path.of("../../shared/data/frameworks");
    private static final int MEGATRON_LAUNCHES = 600;
    private static final int DEEPSPEED_LAUNCHES = 500;
    private static final int REFERENCE_PLANS = 60;
    private static final JsonMapper MAPPER = new JsonMapper();

    /** Options with their values, from the words after the script. */
    private static Map<String, List<String>> options(List<String> words) {
        Map<String, List<String>> options = new LinkedHashMap<>();
        List<String> values = new ArrayList<>();
        for (String word : words) {
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
    void megatronKnowsEveryOptionOfItsVersionAndItsConstraintsHold() throws IOException {
        JsonNode framework = framework("megatron-lm-options.json");
        Map<String, JsonNode> known = new HashMap<>();
        framework.path("options").forEach(option -> known.put(option.path("flag").asString(), option));
        TreeSet<String> judged = new TreeSet<>();
        TreeSet<String> used = new TreeSet<>();
        for (Launch launch : DrawnLaunches.of("megatron-lm", MEGATRON_LAUNCHES, 1)) {
            Map<String, List<String>> options = options(launch.words());
            used.addAll(options.keySet());
            options.forEach((flag, values) -> {
                JsonNode option = known.get(flag);
                judge(flag, values, option);
                String first = option.path("first_tag").asString();
                assertThat(launch.spec().frameworkVersion())
                        .as("%s is in %s", flag, launch.spec().frameworkVersion())
                        .isGreaterThanOrEqualTo(
                                first.equals("main-only") ? Version.of("main") : Version.of(first));
            });
            Map<String, Long> names = names(launch, options);
            for (JsonNode rule : framework.path("constraints")) {
                String id = rule.path("id").asString();
                String expression = rule.path("expr").asString("");
                if (rule.path("effect").asString().startsWith("error") && concerns(id, names, options)
                        && Expression.isCondition(expression, names.keySet())) {
                    judged.add(id);
                    assertThat(Expression.holds(expression, names))
                            .as("%s: %s in %s", id, rule.path("rule"), launch.command())
                            .isTrue();
                }
            }
            wordedRules(launch, options);
            layoutString(launch, options);
        }
        assertThat(judged).contains(
                "world-model", "world-expert", "heads-tp", "kv-tp", "kv-channels", "sp-tp", "sp-seq",
                "layers-pp", "batch-divisible", "cp-seq", "experts-ep", "vpp-microbatch-group");
        assertThat(used).as("choices of layouts")
                .contains(
                        "--pipeline-model-parallel-layout", "--decoder-first-pipeline-num-layers",
                        "--num-virtual-stages-per-pipeline-rank", "--hierarchical-context-parallel-sizes",
                        "--expert-tensor-parallel-size", "--use-megatron-fsdp",
                        "--outer-dp-sharding-strategy",
                        "--num-distributed-optimizer-instances", "--cpu-offloading-num-layers",
                        "--fine-grained-activation-offloading", "--optimizer-cpu-offload", "--fp8-recipe",
                        "--fp4-format",
                        "--exp-avg-dtype", "--optimizer", "--recompute-method");
    }

    /** Conditions of the list whose words limit them further. */
    private static boolean concerns(String id, Map<String, Long> names, Map<String, List<String>> options) {
        return switch (id) {
            case "sp-seq" -> names.get("sp") == 1;
            case "layers-pp" -> !options.containsKey("--pipeline-model-parallel-layout")
                    && !options.containsKey("--decoder-first-pipeline-num-layers");
            case "vpp-microbatch-group", "vpp-microbatch-rest" -> names.get("vpp") > 1;
            case "cp-seq" -> names.get("cp") > 1;
            default -> true;
        };
    }

    /** The framework's own reading of the string: repeated groups written out, then chunks between bars. */
    private static void layoutString(Launch launch, Map<String, List<String>> options) {
        List<String> given = options.get("--pipeline-model-parallel-layout");
        if (given == null) {
            return;
        }
        String text = given.getFirst();
        Pattern repeated = Pattern.compile("(?:\\(([^()]*)\\)|([A-Za-z]))\\*(\\d+)");
        for (Matcher m = repeated.matcher(text); m.find(); m = repeated.matcher(text)) {
            String one = m.group(1) == null ? m.group(2) : m.group(1);
            text = text.substring(0, m.start()) + one.repeat(Integer.parseInt(m.group(3)))
                    + text.substring(m.end());
        }
        assertThat(text).matches("E[t|]*L");
        List<Integer> layers = Stream.of(text.split("\\|", -1))
                .map(stage -> (int) stage.chars().filter(c -> c == 't').count())
                .toList();
        assertThat(layers).isEqualTo(launch.layout().split().orElseThrow().layers());
        assertThat(layers.stream().mapToInt(Integer::intValue).sum())
                .isEqualTo(Integer.parseInt(options.get("--num-layers").getFirst()));
        assertThat(options).doesNotContainKey("--num-virtual-stages-per-pipeline-rank");
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
        for (String one : List.of("gtp", "egtp", "overlapP2p")) {
            names.put(one, 1L);
        }
        names.put("embCount", 0L);
        names.put("lossCount", 0L);
        names.put("sp", options.containsKey("--sequence-parallel") ? 1L : 0L);
        String heads = options.get("--num-attention-heads").getFirst();
        String tensor = options.get("--tensor-model-parallel-size").getFirst();
        Map<String, String> unset = Map.of("groups", heads, "etp", tensor);
        Map.ofEntries(
                Map.entry("tp", "--tensor-model-parallel-size"),
                Map.entry("etp", "--expert-tensor-parallel-size"),
                Map.entry("pp", "--pipeline-model-parallel-size"), Map.entry("cp", "--context-parallel-size"),
                Map.entry("ep", "--expert-model-parallel-size"), Map.entry("heads", "--num-attention-heads"),
                Map.entry("groups", "--num-query-groups"), Map.entry("hidden", "--hidden-size"),
                Map.entry("seq", "--seq-length"), Map.entry("layers", "--num-layers"),
                Map.entry("gbs", "--global-batch-size"), Map.entry("mbs", "--micro-batch-size"),
                Map.entry("experts", "--num-experts"),
                Map.entry("vpp", "--num-virtual-stages-per-pipeline-rank"))
                .forEach((name, flag) -> names.put(
                        name,
                        Long.parseLong(
                                options.getOrDefault(flag, List.of(unset.getOrDefault(name, "1")))
                                        .getFirst())));
        long data = names.get("world") / (names.get("tp") * names.get("cp") * names.get("pp"));
        names.put("dp", data);
        names.put("m", names.get("gbs") / (names.get("mbs") * data));
        names.put("group", names.get("pp"));
        assertThat(data).isEqualTo(launch.layout().data());
        assertThat(names.get("m")).isEqualTo(launch.layout().microBatches());
        return names;
    }

    /** Rules that the file has in words only. */
    private static void wordedRules(Launch launch, Map<String, List<String>> options) {
        List<String> recompute = options.getOrDefault("--recompute-granularity", List.of());
        boolean full = recompute.contains("full");
        assertThat(options.containsKey("--recompute-method")).isEqualTo(full);
        assertThat(options.containsKey("--recompute-num-layers")).isEqualTo(full);
        boolean fsdp = options.containsKey("--use-megatron-fsdp");
        boolean sharded = options.containsKey("--use-distributed-optimizer");
        String optimizer = options.getOrDefault("--optimizer", List.of("adam")).getFirst();
        if (options.containsKey("--overlap-param-gather")) {
            assertThat(options).containsKeys("--overlap-grad-reduce", "--use-distributed-optimizer");
        }
        if (fsdp) {
            assertThat(optimizer).isIn("adam", "sgd");
            assertThat(sharded).isTrue();
        }
        assertThat(options.getOrDefault("--ckpt-format", List.of()).contains("fsdp_dtensor")).isEqualTo(fsdp);
        if (options.containsKey("--optimizer-cpu-offload") || options.containsKey("--exp-avg-dtype")) {
            assertThat(options).containsKey("--use-precision-aware-optimizer");
            assertThat(optimizer).isEqualTo("adam");
        }
        if (options.containsKey("--cpu-offloading-num-layers")) {
            assertThat(options).doesNotContainKeys("--recompute-granularity",
                    "--fine-grained-activation-offloading");
            assertThat(real(options, "--pipeline-model-parallel-size")).isEqualTo(1);
            assertThat(real(options, "--cpu-offloading-num-layers")).isPositive()
                    .isLessThan(real(options, "--num-layers"));
        }
        List<String> modules = options.getOrDefault("--offload-modules", List.of());
        assertThat(modules.contains("attn_proj")).isEqualTo(modules.contains("core_attn"));
        assertThat(options.containsKey("--fp8-format") && options.containsKey("--fp4-format")).isFalse();
        assertThat(options.containsKey("--fp16") && options.containsKey("--bf16")).isFalse();
        if (options.containsKey("--hierarchical-context-parallel-sizes")) {
            assertThat(options.get("--cp-comm-type")).containsExactly("a2a+p2p");
            assertThat(options.get("--hierarchical-context-parallel-sizes")
                    .stream()
                    .mapToInt(Integer::parseInt)
                    .reduce(1, (a, b) -> a * b)).isEqualTo((int) real(options, "--context-parallel-size"));
        }
        boolean many = options.containsKey("--context-parallel-size")
                || real(options, "--tensor-model-parallel-size") > 1;
        boolean blackwell = launch.machine().accelerator().name().startsWith("B200");
        assertThat("1".equals(launch.environment().get("CUDA_DEVICE_MAX_CONNECTIONS")))
                .as("environment of %s", launch.layout())
                .isEqualTo(many && !blackwell && !fsdp);
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
            if (launch.spec().frameworkVersion().compareTo(Version.of("core_v0.12.3")) >= 0) {
                assertThat(options.get("--iterations-to-skip")).containsExactly("60", "61", "62", "63", "64");
            } else {
                assertThat(options).doesNotContainKey("--iterations-to-skip");
                assertThat(LaunchRenderer.limits(launch.spec(), launch.plan(), launch.machine()))
                        .singleElement()
                        .asString()
                        .contains("leave out the data");
            }
        }
    }

    private static double real(Map<String, List<String>> options, String flag) {
        return Double.parseDouble(options.get(flag).getFirst());
    }

    @Test
    void deepSpeedKnowsEveryKeyAndItsConstraintsHold() throws IOException {
        Map<String, JsonNode> known = new HashMap<>();
        framework("deepspeed-options.json").path("options")
                .forEach(option -> known.put(option.path("key").asString(), option));
        TreeSet<String> used = new TreeSet<>();
        for (Launch launch : DrawnLaunches.of("deepspeed", DEEPSPEED_LAUNCHES, 2)) {
            ParallelLayout layout = launch.layout();
            JsonNode config = MAPPER.readTree(LaunchRenderer.config(launch.spec(), launch.plan()));
            judge("", config, known);
            int stage = config.path("zero_optimization").path("stage").asInt();
            assertThat(config.path("train_batch_size").asInt())
                    .isEqualTo(
                            config.path("train_micro_batch_size_per_gpu").asInt()
                                    * config.path("gradient_accumulation_steps").asInt() * layout.data());
            Map<String, List<String>> options = options(launch.words());
            used.add("stage " + stage);
            used.addAll(options.keySet());
            boolean pipeline = !options.containsKey("--no-pipeline-parallel");
            assertThat(pipeline && stage > 1).as("pipeline engine with stage %s", stage).isFalse();
            assertThat(pipeline).isEqualTo(layout.pipeline() > 1);
            assertThat(options.get("--zero-stage")).containsExactly(Integer.toString(stage));
            assertThat(options.get("--micro-batch-size"))
                    .containsExactly(config.path("train_micro_batch_size_per_gpu").asString());
            assertThat(options.containsKey("--ds-sequence-parallel-size")).isEqualTo(layout.context() > 1);
            assertThat(options).as("Megatron-LM's alone")
                    .doesNotContainKeys(
                            "--context-parallel-size", "--iterations-to-skip", "--attention-backend");
            assertThat(options.containsKey("--cpu-optimizer"))
                    .isEqualTo(config.path("zero_optimization").has("offload_optimizer"));
            assertThat(LaunchRenderer.limits(launch.spec(), launch.plan(), launch.machine()))
                    .singleElement()
                    .asString()
                    .contains("reads the same data again");
        }
        assertThat(used).contains("stage 0", "stage 1", "stage 2", "stage 3", "--ds-sequence-parallel-size",
                "--enable-zbh1-pipeline", "--cpu-optimizer", "--checkpoint-in-cpu");
    }

    /** For e2e/judges and e2e/compat: the frameworks themselves read the same text, see there. */
    @Test
    void writesLaunchTextForTheFrameworksOwnParsers() throws IOException {
        ArrayNode deepSpeed = MAPPER.createArrayNode();
        for (Launch launch : DrawnLaunches.of("deepspeed", DEEPSPEED_LAUNCHES, 2)) {
            deepSpeed.addObject()
                    .put("layout", launch.layout().toString())
                    .put("data", launch.layout().data())
                    .set("config", MAPPER.readTree(LaunchRenderer.config(launch.spec(), launch.plan())));
        }
        ArrayNode megatron = MAPPER.createArrayNode();
        for (Launch launch : DrawnLaunches.of("megatron-lm", MEGATRON_LAUNCHES, 3, List.of("core_v0.16.1"))) {
            megatron.addObject()
                    .put("layout", launch.layout().toString())
                    .set("words", MAPPER.valueToTree(launch.words()));
        }
        Path folder = Files.createDirectories(Path.of("target/judges"));
        Files.writeString(folder.resolve("deepspeed.json"), deepSpeed.toString());
        Files.writeString(folder.resolve("megatron.json"), megatron.toString());
        assertThat(DrawnLaunches.of("megatron-lm", 20, 3)).isEqualTo(DrawnLaunches.of("megatron-lm", 20, 3));
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
                case "string", "OffloadDeviceEnum" -> assertThat(option.path("choices")).as(key)
                        .extracting(JsonNode::asString)
                        .contains(value.asString());
                default ->
                    throw new AssertionError(key + " has a type that this test does not know: " + option);
            }
        }
    }

    /** The trainer's own parser takes what is rendered for it. */
    @Test
    void theReferenceTrainerTakesItsArguments(@TempDir Path directory) throws Exception {
        List<List<String>> all = new ArrayList<>();
        for (int seed = 0; seed < REFERENCE_PLANS; seed++) {
            // Program, -m and module come before the arguments.
            reference(seed, MachineFake.plans(directory)).ifPresent(c -> all.add(c.subList(3, c.size())));
        }
        assertThat(all).as("drawn runs with a plan").hasSizeGreaterThan(REFERENCE_PLANS / 2);
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

    /** Command of a drawn run on this machine, as the planner lays it out; empty if nothing fits. */
    private static Optional<List<String>> reference(long seed, PlanService plans) {
        Random random = new Random(seed);
        int heads = List.of(4, 8, 32).get(random.nextInt(3));
        RunSpec spec = RunSpecReader.read(String.join(
                "\n", "name: drawn", "framework: reference", "model:",
                "  layers: " + 4 * (1 + random.nextInt(3)),
                "  hiddenSize: " + heads * 16, "  attentionHeads: " + heads, "  vocabSize: 32000",
                "  sequenceLength: 64", "  gatedMlp: " + random.nextBoolean(), "training:",
                "  tokens: 10000000",
                "  globalBatch: " + (random.nextBoolean() ? 96 : 256), "  learningRate: 3e-4",
                "  schedule: " + List.of("wsd", "cosine", "linear", "constant").get(random.nextInt(4)),
                "cluster: { ranks: 2 }"));
        LaunchContext context = new LaunchContext(spec.training().recipe(), 50L * random.nextInt(2),
                List.of(new StepRange(60, 64)), "/data", "/checkpoints");
        try {
            PlannedRun plan = plans.plan(spec);
            return Optional.of(plans.rankProcess(spec, plan, context).command());
        } catch (NoPlanException e) {
            return Optional.empty();
        }
    }
}

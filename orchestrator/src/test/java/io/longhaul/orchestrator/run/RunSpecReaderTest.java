package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.longhaul.orchestrator.launch.PodTemplate;
import io.longhaul.planner.layout.OptimizerKind;
import io.longhaul.planner.layout.Precision;
import io.longhaul.planner.memory.StageMemory.Verdict;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.Reliability;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class RunSpecReaderTest {
    private static final String GOOD = """
            name: good
            model:
              layers: 4
              hiddenSize: 64
              attentionHeads: 8
              kvHeads: 4
              vocabSize: 256
              sequenceLength: 32
            training:
              tokens: 64000
              globalBatch: 20
              learningRate: 0.001
              minLearningRate: 0.0001
              warmupSteps: 10
            cluster: { ranks: 4 }
            layout: { tensor: 2, data: 2 }
            policies: { stallTimeout: 10s }
            """;

    private static List<FieldProblem> problems(String text) {
        InvalidRunSpecException refused = catchThrowableOfType(InvalidRunSpecException.class,
                () -> RunSpecReader.read(text));
        assertThat(refused).as("refusal of:%n%s", text.length() > 2000 ? text.length() + " characters" : text)
                .isNotNull();
        return refused.problems();
    }

    private static final String PODS = GOOD.replace("tokens: 64000", "tokens: 64000\n  data: /corpus") + """
            backend: kubernetes
            kubernetes:
              image: registry.example.org/worker:1
              checkpoints: /c/x
              volumes: [{ claim: checkpoints, mountPath: /c }]
              resources: { cpu: 500m, memory: 4Gi }
              sharedMemory: 1Gi
              ranks: 2
            """;

    @ParameterizedTest(name = "{0} -> {1}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', quoteCharacter = '`', textBlock = """
            instead of            | stands                         | pointer                          | allowed
            backend: kubernetes   | backend: local                 | /kubernetes                      | no such field
            data: /corpus         | seed: 1                        | /training/data                   | corpus in the pods
            registry.example.org/worker:1 | "reg ist"              | /kubernetes/image                | name of an image
            checkpoints: /c/x     | checkpoints: c                 | /kubernetes/checkpoints          | an absolute path
            checkpoints: /c/x     | checkpoints: /cc               | /kubernetes/checkpoints          | one of the volumes
            claim: checkpoints    | claim: Check_points            | /kubernetes/volumes/0/claim      | lower-case
            mountPath: /c         | mountPath: /tmp                | /kubernetes/volumes/0/mountPath  | nothing else
            cpu: 500m             | cpu: 500 m                     | /kubernetes/resources/cpu        | quantity
            cpu: 500m             | cpu: -1                        | /kubernetes/resources/cpu        | quantity
            cpu: 500m             | nvidia.com//gpu: 1             | /kubernetes/resources/nvidia.com~1~1gpu | quantity
            memory: 4Gi           | memory: 4GB                    | /kubernetes/resources/memory     | quantity
            sharedMemory: 1Gi     | sharedMemory: 0                | /kubernetes/sharedMemory         | a size
            ranks: 2              | ranks: 3                       | /kubernetes/ranks                | divisor of the 4 ranks
            ranks: 2              | user: 0                        | /kubernetes/user                 | from 1
            ranks: 2              | privileged: true               | /kubernetes/privileged           | one of
            ranks: 2              | namespace: kube_system         | /kubernetes/namespace            | lower-case
            ranks: 2              | queue: -x                      | /kubernetes/queue                | lower-case
            ranks: 2              | environment: { RANK: 1 }       | /kubernetes/environment/RANK     | does not set itself
            ranks: 2              | nodeSelector: { a b: c }       | /kubernetes/nodeSelector/a b     | a label
            ranks: 2              | tolerations: [{ key: k, operator: Like }]  | /kubernetes/tolerations/0/operator | Equal or Exists
            ranks: 2              | tolerations: [{ key: k, effect: Never }]   | /kubernetes/tolerations/0/effect   | NoSchedule
            ranks: 2              | imagePullSecrets: x            | /kubernetes/imagePullSecrets     | a list
            """)
    void aMistakeAboutPodsIsNamed(String instead, String stands, String pointer, String allowed) {
        assertThat(PODS).contains(instead);
        assertThat(problems(PODS.replace(instead, stands))).anySatisfy(problem -> {
            assertThat(problem.pointer()).isEqualTo(pointer);
            assertThat(problem.allowed()).contains(allowed);
        });
    }

    @Test
    void podsAreReadAsTheyAreWritten() {
        PodTemplate pods = RunSpecReader.readToLaunch(PODS).kubernetes().orElseThrow();
        assertThat(pods.namespace()).isEqualTo("default");
        assertThat(pods.resources()).containsExactly(Map.entry("cpu", "500m"), Map.entry("memory", "4Gi"));
        assertThat(pods.volumes()).containsExactly(new PodTemplate.Volume("checkpoints", "/c", false));
        assertThat(pods.user()).isEqualTo(10_001);
    }

    @ParameterizedTest(name = "{0} -> {1}")
    @CsvSource(useHeadersInDisplayName = true, delimiter = '|', quoteCharacter = '`', textBlock = """
            instead of            | stands                         | pointer                   | value                 | allowed                                | hint
            name: good            | {}                             | /name                     |                       | 1 to 40 lower-case letters             | add it
            name: good            | name: ../x                     | /name                     | ../x                  | 1 to 40 lower-case letters             |
            name: good            | name: A_B                      | /name                     | A_B                   | 1 to 40 lower-case letters             |
            name: good            | name: -x                       | /name                     | -x                    | 1 to 40 lower-case letters             |
            name: good            | name: 12                       | /name                     | 12                    | 1 to 40 lower-case letters             |
            name: good            | name: a123456789012345678901234567890123456789x | /name    | a123456789012345678901234567890123456789x | 1 to 40       |
            layers: 4             | layer: 4                       | /model/layers             |                       | from 1 to 10000                        | add it
            layers: 4             | layer: 4                       | /model/layer              |                       | one of layers,                         | did you mean layers?
            layers: 4             | layers: 0                      | /model/layers             | 0                     | from 1 to 10000                        |
            layers: 4             | layers: -4                     | /model/layers             | -4                    | from 1 to 10000                        |
            layers: 4             | layers: 4.5                    | /model/layers             | 4.5                   | a whole number                         |
            layers: 4             | layers: "4"                    | /model/layers             | 4                     | a whole number                         | without quotes
            layers: 4             | layers: true                   | /model/layers             | true                  | a whole number                         |
            layers: 4             | layers: null                   | /model/layers             |                       | a whole number                         | add it
            layers: 4             | layers: [4]                    | /model/layers             | [4]                   | a whole number                         |
            layers: 4             | layers: 4294967300             | /model/layers             | 4294967300            | from 1 to 10000                        |
            layers: 4             | layers: 99999999999999999999   | /model/layers             | 99999999999999999999  | from 1 to 10000                        |
            hiddenSize: 64        | hiddenSize: 60                 | /model/attentionHeads     | 8                     | a divisor of hiddenSize 60             |
            kvHeads: 4            | kvHeads: 3                     | /model/kvHeads            | 3                     | a divisor of attentionHeads 8          |
            kvHeads: 4            | kvHeads: 16                    | /model/kvHeads            | 16                    | a divisor of attentionHeads 8          |
            kvHeads: 4            | gatedMlp: 1                    | /model/gatedMlp           | 1                     | true or false                          |
            kvHeads: 4            | moe: { experts: 4, topK: 5, expertFfnHiddenSize: 64 } | /model/moe/topK | 5       | from 1 to 4                            |
            kvHeads: 4            | moe: 4                         | /model/moe                | 4                     | an object with fields                  |
            kvHeads: 4            | moe: { experts: 4, topK: 2, expertFfnHiddenSize: 64 } | /framework | reference    | megatron-lm                            | no mixture of experts
            vocabSize: 256        | vocabSize: 1000000000000       | /model/vocabSize          | 1000000000000         | from 2 to 10000000                     |
            tokens: 64000         | tokens: 0                      | /training/tokens          | 0                     | from 1 to                              |
            tokens: 64000         | tokens: 1e400                  | /training/tokens          | Infinity              | a whole number                         |
            tokens: 64000         | tokens: 64e3                   | /training/tokens          | 64000.0               | a whole number                         |
            globalBatch: 20       | globalBatch: 21                | /layout/data              | 2                     | globalBatch 20 or globalBatch 22       | 21 not divisible by data 2
            learningRate: 0.001   | learningRate: .nan             | /training/learningRate    | .nan                  | a finite number                        |
            learningRate: 0.001   | learningRate: .inf             | /training/learningRate    | .inf                  | a finite number                        |
            learningRate: 0.001   | learningRate: 1e400            | /training/learningRate    | Infinity              | a number from                          |
            learningRate: 0.001   | learningRate: -0.001           | /training/learningRate    | -0.001                | a number from                          |
            learningRate: 0.001   | learningRate: "NaN"            | /training/learningRate    | NaN                   | a number from                          |
            minLearningRate: 0.0001 | minLearningRate: 0.01        | /training/minLearningRate | 0.01                  | at most learningRate 0.001             |
            warmupSteps: 10       | warmupSteps: 101               | /training/warmupSteps     | 101                   | less than decaySteps 100               |
            warmupSteps: 10       | schedule: constant, warmupSteps: 101 | /training/warmupSteps | 101                 | at most the run's 100 steps            |
            warmupSteps: 10       | schedule: wsd, wsdDecaySteps: 101 | /training/wsdDecaySteps | 101                  | from 1 to decaySteps 100               |
            warmupSteps: 10       | schedule: cosin                | /training/schedule        | cosin                 | one of constant, linear, cosine, wsd   | did you mean cosine?
            warmupSteps: 10       | weightDecay: 2                 | /training/weightDecay     | 2                     | a number from 0 to 1                   |
            warmupSteps: 10       | checkpointEverySteps: 0        | /training/checkpointEverySteps | 0                | from 1 to                              |
            warmupSteps: 10       | data: ""                       | /training/data            |                       | a text that is not empty               |
            warmupSteps: 10       | data: "a\\0b"                  | /training/data            | a\0b                  | without zero characters                               |
            { ranks: 4 }          | 4                              | /cluster                  | 4                     | an object with fields                  |
            { ranks: 4 }          | { ranks: 5 }                   | /layout                   | 4 ranks               | product divides the cluster's 5        |
            { ranks: 4 }          | { kind: kubernetes }           | /cluster/kind             | kubernetes            | one of this-machine, described         |
            { ranks: 4 }          | { kind: described, nodes: 1, accelerator: H100 } | /cluster/accelerator | H100     | one of                                 |
            { ranks: 4 }          | { kind: described, nodes: 1, accelerator: H100-SXM-80GB, interNodeGBps: -.inf } | /cluster/interNodeGBps | -.inf | a finite number |
            { ranks: 4 }          | { ranks: 4, nodes: 2 }         | /cluster/nodes            |                       | one of kind, ranks                     |
            { tensor: 2, data: 2 } | { tensor: 4 }                 | /layout/tensor            | 4                     | tensor 2                               | tensor 4 is more than 2
            { tensor: 2, data: 2 } | { tensor: 3 }                 | /layout/tensor            | 3                     | tensor 2                               | key/value heads 4 not divisible by tensor 3
            { tensor: 2, data: 2 } | { pipeline: 3 }               | /layout/pipeline          | 3                     | pipeline 2                             | layers 4 not divisible by pipeline 3
            { tensor: 2, data: 2 } | { pipeline: 4 }               | /layout/pipeline          | 4                     | pipeline 2                             | pipeline 4 is more than 2
            { tensor: 2, data: 2 } | { data: 2, context: 2 }       | /layout/context           | 2                     | context 1                              | no context parallelism
            { tensor: 2, data: 2 } | { tensor: 0, data: 4 }        | /layout/tensor            | 0                     | from 1 to 1024                         |
            { tensor: 2, data: 2 } | { tensr: 2, data: 4 }         | /layout/tensr             |                       | one of tensor                          | did you mean tensor?
            { tensor: 2, data: 2 } | { tensor: 2, data: 2, pipeline: 2, context: 1 } | /layout | 8 ranks              | product is the cluster's 4             |
            { tensor: 2, data: 2 } | {}¶planning: { precision: bf17 }       | /planning/precision | bf17              | one of fp32, fp16, bf16                | did you mean bf16?
            { tensor: 2, data: 2 } | {}¶planning: { precision: [bf16, bf16] } | /planning/precision/1 | bf16          | once                                   |
            { tensor: 2, data: 2 } | {}¶planning: { precision: [] }         | /planning/precision | []                | one at least of fp32                   |
            { tensor: 2, data: 2 } | {}¶planning: { precision: fp8 }        | /planning/precision | fp8               | what reference 1 runs on this cluster  |
            { tensor: 2, data: 2 } | {}¶planning: { optimizer: [adam, muon] } | /planning/optimizer | ["adam","muon"]  | what reference 1 runs on this cluster  |
            { tensor: 2, data: 2 } | {}¶planning: { criticalBatch: 19 }     | /planning/criticalBatch | 19            | from 20 to                             |
            { tensor: 2, data: 2 } | {}¶planning: { spareNodes: 1 }         | /planning/spareNodes | 1                | from 0 to 0                            |
            { tensor: 2, data: 2 } | {}¶planning: { pricePerDeviceHour: 0 } | /planning/pricePerDeviceHour | 0        | a number from                          |
            { tensor: 2, data: 2 } | {}¶planning: { pricePerDeviceHour: .inf } | /planning/pricePerDeviceHour | .inf  | a finite number                        |
            { tensor: 2, data: 2 } | {}¶planning: { power: {} }             | /planning/power/busyWatts |             | a number from 1                        | add it
            { tensor: 2, data: 2 } | {}¶planning: { power: { busyWatts: 100, idleWatts: 200 } } | /planning/power/idleWatts | 200 | at most busyWatts 100.0   |
            { tensor: 2, data: 2 } | {}¶planning: { power: { busyWatts: 100, capWatts: 40 } } | /planning/power/capWatts | 40 | more than idleWatts 50.0     |
            { tensor: 2, data: 2 } | {}¶planning: { power: { busyWatts: 100, carbonGramsPerKWh: -1 } } | /planning/power/carbonGramsPerKWh | -1 | a number from 0 |
            { tensor: 2, data: 2 } | {}¶planning: { failures: { perNodeHour: 0 } } | /planning/failures/perNodeHour | 0 | a number from                |
            { tensor: 2, data: 2 } | {}¶planning: { failures: { repairSeconds: -1 } } | /planning/failures/repairSeconds | -1 | a number from 0             |
            { tensor: 2, data: 2 } | {}¶planning: { memory: loose }         | /planning/memory    | loose             | one of safe, tight                     |
            { tensor: 2, data: 2 } | {}¶planning: { price: 2 }              | /planning/price     |                   | one of precision,                      |
            { tensor: 2, data: 2 } | {}¶objective: speed                    | /objective          | speed             | one of time, cost, energy, goodput     |
            stallTimeout: 10s     | stallTimeout: 10               | /policies/stallTimeout    | 10                    | a positive time such as                |
            stallTimeout: 10s     | stallTimeout: 0s               | /policies/stallTimeout    | 0s                    | a positive time such as                |
            stallTimeout: 10s     | maxRestarts: -1                | /policies/maxRestarts     | -1                    | from 0 to 10000                        |
            stallTimeout: 10s     | adapt: Auto                    | /policies/adapt           | Auto                  | one of auto, ask, off                  | did you mean auto?
            """)
    void aFieldThatIsWrongIsNamedWithWhatMayStandThere(
            String instead, String stands, String pointer, String value, String allowed, String hint) {
        assertThat(GOOD).contains(instead);
        String indented = stands.replace(", w", "\n  w").replace("¶", "\n");
        String text = stands.equals("{}")
                ? GOOD.replace(instead + "\n", "")
                : GOOD.replace(instead, indented);
        assertThat(problems(text)).filteredOn(p -> p.pointer().equals(pointer)).anySatisfy(p -> {
            assertThat(p.value()).isEqualTo(value == null ? "" : value);
            assertThat(p.allowed()).contains(allowed);
            assertThat(p.hint()).contains(hint == null ? "" : hint);
            assertThat(p.toString()).contains(pointer);
        });
    }

    @Test
    void theBaseOfTheTableIsAccepted() {
        RunSpec spec = RunSpecReader.read(GOOD);
        assertThat(spec.training().steps(32)).isEqualTo(100);
        assertThat(spec.policies().stallTimeout()).isEqualTo(Duration.ofSeconds(10));
        assertThat(spec.model().ffnHiddenSize()).isEqualTo(256);
    }

    @Test
    void whatIsToBePlannedForIsReadAsItIsWritten() {
        RunSpec spec = RunSpecReader.read("""
                name: wishes
                model: { layers: 4, hiddenSize: 64, attentionHeads: 8, vocabSize: 256, sequenceLength: 32 }
                training: { tokens: 64000, globalBatch: 20, learningRate: 0.001, minLearningRate: 0.0001 }
                cluster: { kind: described, nodes: 4, accelerator: H100-SXM-80GB }
                framework: megatron-lm
                objective: goodput
                layout: { tensor: 4 }
                planning:
                  precision: [fp8, bf16]
                  optimizer: muon
                  memory: safe
                  partOfCluster: false
                  spareNodes: 1
                  criticalBatch: 40
                  pricePerDeviceHour: 2.5
                  power: { capWatts: 393.75 }
                  failures: { perNodeHour: 0.08 }
                """);
        assertThat(spec.layout()).contains(new PlanRequest.Fixed(OptionalInt.of(4), OptionalInt.empty(),
                OptionalInt.empty(), OptionalInt.empty()));
        assertThat(spec.planning()).isEqualTo(new Planning(
                List.of(Precision.FP8, Precision.BF16), List.of(OptimizerKind.MUON), Verdict.SAFE,
                Optional.of(false), 1, OptionalInt.of(40), OptionalDouble.of(2.5),
                // An eighth of what is above idling, half of 700 W, leaves half of the clock.
                Optional.of(new Planning.Power(350, 393.75, 0.5, OptionalDouble.empty())),
                Optional.of(new Reliability(0.01, 30, 300, 86_400))));
        assertThat(RunJson.event(RunJson.text(new RunEvent.Created(Instant.EPOCH, spec))))
                .isEqualTo(new RunEvent.Created(Instant.EPOCH, spec));
    }

    /** YAML 1.1 reads them as truth values; a person who writes them means words. */
    @Test
    void offAndNoAreWords() {
        RunSpec spec = RunSpecReader
                .read(GOOD.replace("name: good", "name: no").replace("stallTimeout: 10s", "adapt: off"));
        assertThat(spec.name()).isEqualTo("no");
        assertThat(spec.policies().adapt()).isEqualTo(RunSpec.Policies.Adapt.OFF);
    }

    @Test
    void everyProblemIsNamedAtOnce() {
        assertThat(problems("model: { layers: 0 }\ntraining: 7\nlayou: {}")).extracting(FieldProblem::pointer)
                .contains("/name", "/model/layers", "/model/hiddenSize", "/training", "/cluster", "/layou");
    }

    /** JSON is YAML: one reader, the same answers. */
    @Test
    void jsonIsReadAlike() {
        assertThat(RunSpecReader
                .read("""
                        {"name": "good", "model": {"layers": 4, "hiddenSize": 64, "attentionHeads": 8, "kvHeads": 4,
                         "vocabSize": 256, "sequenceLength": 32},
                         "training": {"tokens": 64000, "globalBatch": 20, "learningRate": 1e-3, "minLearningRate": 0.0001,
                         "warmupSteps": 10}, "cluster": {"ranks": 4}, "layout": {"tensor": 2, "data": 2},
                         "policies": {"stallTimeout": "10s"}}
                        """))
                .isEqualTo(RunSpecReader.read(GOOD));
        assertThat(RunSpecReader.read("\ufeff" + GOOD.replace("\n", "\r\n")))
                .isEqualTo(RunSpecReader.read(GOOD));
    }

    static Stream<String> documents() {
        String laughs = "a0: &a0 [x, x]\n" + Stream.iterate(1, i -> i + 1)
                .limit(30)
                .map(i -> "a" + i + ": &a" + i + " [" + ("*a" + (i - 1) + ",").repeat(9) + "]\n")
                .reduce("", String::concat);
        return Stream.of("", " \n", "~", "[]", "7", "\"x\"", "._", "{", "{\"name\": ", "name: a\nname: b",
                "\tname: a", "name: a\n---\nname: b", GOOD + "---\n" + GOOD,
                "!!javax.script.ScriptEngineManager []",
                "name: !!java.net.URL [\"http://127.0.0.1\"]", "? [a]\n: b", "a: *nowhere", "&a [*a]", laughs,
                "[".repeat(100_000), "{a: ".repeat(5000), "x: " + "y".repeat(2 << 20), "\0", "a: \ud83d",
                "- ".repeat(5000) + "x", "a: 1e99999999999", "a: 0x", "a: -._",
                "a: 1:99999999999999999999:0");
    }

    @ParameterizedTest
    @MethodSource("documents")
    void whatIsNoRunSpecAtAllIsRefusedLikeAnyOther(String text) {
        assertThat(problems(text)).isNotEmpty().allSatisfy(p -> assertThat(p.allowed()).isNotBlank());
    }

    @Test
    void everyExampleIsAccepted() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("../examples"))) {
            List<Path> all = files.toList();
            assertThat(all).hasSizeGreaterThanOrEqualTo(4);
            for (Path file : all) {
                assertThat(RunSpecReader.read(Files.readString(file)).name()).isNotEmpty();
            }
        }
    }
}

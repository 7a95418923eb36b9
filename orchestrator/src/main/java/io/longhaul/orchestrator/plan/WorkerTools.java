package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec.Model;
import io.longhaul.planner.cluster.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Short-lived programs of the worker side: the probe of this machine and the corpus builder.
 *
 * @param worker directory of the Python packages
 * @param python interpreter
 */
public record WorkerTools(Path worker, String python) {
    private static final String PROBE = "longhaul_trainer.probe";
    private static final String CORPUS = "longhaul_agent.corpus";

    /**
     * Measures this machine for a model's layer, with so many ranks at work at once.
     *
     * @throws NoPlanException if it cannot be measured, with the reason and the remedy
     */
    Machine.Measured probe(Model model, int ranks) {
        try {
            Path out = Files.createTempFile("longhaul-probe", ".json");
            try {
                List<String> arguments = new ArrayList<>(
                        List.of(PROBE, "--out", out.toString()));
                arguments.addAll(List.of("--ranks", Integer.toString(ranks)));
                arguments.addAll(List.of("--hidden-size", Integer.toString(model.hiddenSize())));
                arguments.addAll(List.of("--ffn-hidden-size", Integer.toString(model.ffnHiddenSize())));
                arguments.addAll(List.of("--num-attention-heads", Integer.toString(model.attentionHeads())));
                arguments.addAll(List.of("--num-query-groups", Integer.toString(model.kvHeads())));
                arguments.addAll(List.of("--seq-length", Integer.toString(model.sequenceLength())));
                arguments.addAll(List.of("--vocab-size", Integer.toString(model.vocabSize())));
                if (model.gatedMlp()) {
                    arguments.add("--swiglu");
                }
                run("measuring this machine", arguments);
                return measured(new JsonMapper().readTree(Files.readAllBytes(out)));
            } finally {
                Files.deleteIfExists(out);
            }
        } catch (IOException | JacksonException e) {
            throw new NoPlanException("this machine cannot be measured: " + e.getMessage());
        }
    }

    private static Machine.Measured measured(JsonNode probe) {
        return new Machine.Measured(
                probe.path("ranks").asInt(),
                probe.path("memoryBytesPerRank").asDouble(),
                probe.path("matmulFlops").asDouble(),
                probe.path("layerSeconds").asDouble(),
                probe.path("layerOverheadSeconds").asDouble(),
                probe.path("headSeconds").asDouble(),
                probe.path("headOverheadSeconds").asDouble(),
                probe.path("optimizerSecondsPerParameter").asDouble(),
                probe.path("stepOverheadSeconds").asDouble(0),
                probe.path("allReduceBytesPerSecond").asDouble(),
                probe.path("allReduceLatencySeconds").asDouble());
    }

    /** Builds a text corpus from this machine in the directory, unless there is one. */
    void buildCorpus(Path directory) {
        if (!Files.exists(directory.resolve("manifest.json"))) {
            run("building a corpus", List.of(CORPUS, "--out", directory.toString()));
        }
    }

    /** Ends the programs that this process has started and whose results nobody waits for any more. */
    public static void endAll() {
        ProcessHandle.current()
                .descendants()
                .filter(process -> process.info()
                        .arguments()
                        .filter(all -> List.of(all).contains(PROBE) || List.of(all).contains(CORPUS))
                        .isPresent())
                .forEach(ProcessHandle::destroyForcibly);
    }

    private void run(String purpose, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(python, "-m"));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PYTHONPATH", worker.toString());
        try {
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new NoPlanException(purpose + " failed: " + output.strip());
            }
        } catch (IOException e) {
            throw new NoPlanException(
                    purpose + " failed: " + e.getMessage() + "; is Python 3 installed at " + python
                            + "? Another one can be named by LONGHAUL_PYTHON");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NoPlanException(purpose + " was interrupted");
        }
    }
}

package io.longhaul.orchestrator.run;

/** Values that tests of runs start from. */
final class Runs {
    /** 100 steps of 4 x 16 tokens on 2 ranks, a checkpoint every 10 steps. */
    static final String SPEC = """
            name: test
            model: { layers: 2, hiddenSize: 32, attentionHeads: 2, vocabSize: 64, sequenceLength: 16 }
            training:
              tokens: 6400
              globalBatch: 4
              learningRate: 0.001
              schedule: constant
              checkpointEverySteps: 10
            cluster: { ranks: 2 }
            policies: { adapt: "off", maxRestarts: 3, skipMarginSteps: 2 }
            """;

    private Runs() {}

    static RunSpec spec() {
        return RunSpecReader.read(SPEC);
    }

    static RunSpec spec(RunSpec.Policies.Adapt adapt) {
        return RunSpecReader.read(SPEC.replace("\"off\"", Responses.lower(adapt.name())));
    }
}

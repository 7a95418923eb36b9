import type { Attempt, Curve, Incident, Plan, Recipe, RecipeChange, Run } from "./types";

/** A run as the service shows it, small enough to reckon by hand; for tests only. */
export function sampleRun(changes: Partial<Run> = {}): Run {
  return {
    id: "781c1229-c568-4725-85f5-8ecd4d5d920b",
    name: "demo",
    phase: "completed",
    reason: "all steps done",
    attempt: 2,
    step: 8,
    totalSteps: 8,
    createdAt: "2026-11-25T07:00:00Z",
    endedAt: "2026-11-25T07:03:10Z",
    loss: 1.8,
    learningRate: 1e-4,
    lastStepSeconds: 0.2,
    openIncidents: 0,
    spec: {
      model: { layers: 4, hiddenSize: 128, attentionHeads: 4, sequenceLength: 128 },
      training: { tokens: 16384, checkpointEverySteps: 2 },
      framework: "reference",
      policies: { adapt: "auto", maxRestarts: 8 },
    },
    recipe: sampleRecipe(),
    plan: samplePlan(),
    tokens: 16384,
    tokensPerSecond: 10240,
    stepSeconds: { predicted: 0.25, measuredMedian: 0.2 },
    attempts: [
      sampleAttempt(),
      sampleAttempt({ number: 2, resumeStep: 4, lastStep: 8, outcome: "completed" }),
    ],
    incidents: [sampleIncident()],
    recipeChanges: [sampleChange()],
    checkpoints: [],
    goodput: {
      accounts: {
        train: 200,
        checkpoint: 10,
        detect: 20,
        drain: 10,
        schedule: 60,
        initialise: 40,
        redo: 30,
        slow: 10,
        idle: 0,
      },
      totalSeconds: 380,
      ettr: 200 / 380,
      tokensKept: 16384,
      tokensRedone: 2048,
      tokensSkipped: 0,
      tokensLost: 4096,
    },
    ...changes,
  };
}

export function sampleRecipe(changes: Partial<Recipe> = {}): Recipe {
  return {
    globalBatch: 16,
    learningRate: 1e-3,
    minLearningRate: 1e-4,
    warmupSteps: 2,
    schedule: "constant",
    decaySteps: 8,
    wsdDecaySteps: 0,
    weightDecay: 0.1,
    gradientClip: 1,
    ...changes,
  };
}

export function sampleAttempt(changes: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    stage: "ended",
    decidedAt: "2026-11-25T07:00:05Z",
    endedAt: "2026-11-25T07:01:00Z",
    resumeStep: 0,
    lastStep: 6,
    outcome: "failed",
    cause: "rank 1 was killed by signal 9",
    recipe: sampleRecipe(),
    skippedSteps: [],
    ranks: 2,
    ...changes,
  };
}

export function sampleIncident(changes: Partial<Incident> = {}): Incident {
  return {
    id: "attempt-1-exited-rank-1-1",
    kind: "exited",
    attempt: 1,
    openedAt: "2026-11-25T07:00:55Z",
    closedAt: "2026-11-25T07:01:20Z",
    rank: 1,
    summary: "rank 1 was killed by signal 9",
    evidence: { signal: "9 (SIGKILL)" },
    signs: [],
    confidence: 0.999,
    action: "restart all ranks from step 4",
    decision: {
      at: "2026-11-25T07:00:55Z",
      does: "restart all ranks from step 4",
      gpuSeconds: 62,
      rule: "a collective job cannot go on without one of its ranks",
      inputs: { "steps to redo": "2" },
      alternatives: [{ action: "wait", why: "no other rank can finish its step without the missing one" }],
    },
    earlierDecisions: [],
    rollbackStep: 4,
    skippedSteps: [],
    redoneTokens: 4096,
    lostTokens: 4096,
    lostSeconds: 25,
    status: "recovered",
    ...changes,
  };
}

export function sampleChange(changes: Partial<RecipeChange> = {}): RecipeChange {
  return {
    id: "before-attempt-2",
    beforeAttempt: 2,
    from: sampleRecipe(),
    to: sampleRecipe({ schedule: "wsd", wsdDecaySteps: 4 }),
    law: "multi-power law",
    explanation: "Decaying the rate over the last 4 steps is expected to help.",
    predictedFinalLossUnchanged: 1.95,
    predictedFinalLoss: 1.83,
    low90: 1.79,
    high90: 1.87,
    effectLow90: -0.15,
    effectHigh90: -0.07,
    score: { measuredFinalLoss: 1.82, inInterval: true, measuredEffect: -0.13 },
    status: "scored",
    ...changes,
  };
}

export function samplePlan(changes: Partial<Plan> = {}): Plan {
  return {
    layout: { tensor: 1, pipeline: 1, data: 2, context: 1, expert: 1 },
    microBatch: 1,
    microBatches: 8,
    recompute: "none",
    zeroStage: 1,
    globalBatch: 16,
    worldSize: 2,
    stepSeconds: 0.25,
    tokensPerSecond: 8192,
    mfu: 0.4,
    breakdown: { compute: 0.18, recompute: 0, "data-parallel communication": 0.05, optimizer: 0.02 },
    memory: [
      {
        stage: 0,
        terms: { weights: 30, logits: 0, runtime: 50 },
        totalBytes: 80,
        capacityBytes: 100,
        verdict: "safe",
      },
    ],
    reason: "the only layout that is legal and fits",
    runnersUp: [],
    rejected: [
      { rule: "not the layout that was asked for", example: "tensor 2, pipeline 1, data 1", count: 3 },
    ],
    considered: 27,
    calibration: { source: "measured on this machine" },
    days: 0.1,
    gpuHours: 4.8,
    launch: {
      framework: "reference",
      command: [
        "/usr/bin/python3",
        "-m",
        "longhaul_trainer",
        "--lr",
        "0.001",
        "--data-path",
        "/tmp/my corpus",
      ],
      environment: { OMP_NUM_THREADS: "1" },
      config: "",
    },
    ...changes,
  };
}

/** Attempt 1 made steps 1 to 6, of which 5 and 6 were thrown away; attempt 2 went on from 4, loss of step 7 unknown. */
export function sampleCurve(): Curve {
  return {
    attempts: [
      {
        attempt: 1,
        steps: [1, 2, 3, 4, 5, 6],
        loss: [5, 4, 3, 2.5, 6, 7],
        learningRate: [1, 2, 3, 4, 5, 6],
        stepSeconds: [0.2, 0.2, 0.2, 0.2, 0.2, 0.2],
        kept: [true, true, true, true, false, false],
      },
      {
        attempt: 2,
        steps: [5, 6, 7, 8],
        loss: [2.4, 2.2, null, 1.8],
        learningRate: [5, 6, null, 8],
        stepSeconds: [0.3, 0.3, 0.3, 0.3],
        kept: [true, true, false, true],
      },
    ],
    validation: [{ attempt: 1, step: 4, loss: 2.6 }],
  };
}

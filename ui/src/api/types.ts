/**
 * The API's values, written by hand from the service's `RunViews`, `PlanJson` and `RunController`: they build their
 * JSON field by field, so no schema could be generated from them that says more than this file.
 *
 * Times are ISO 8601 in UTC, durations seconds, losses nats per token, shares 0 to 1.
 */

export type Phase =
  | "planning"
  | "launching"
  | "training"
  | "draining"
  | "recovering"
  | "adapting"
  | "waiting"
  | "completed"
  | "failed"
  | "stopped";

export interface RunSummary {
  id: string;
  name: string;
  phase: Phase;
  /** Why the run failed or stopped; empty otherwise. */
  reason: string;
  attempt: number;
  step: number;
  totalSteps: number;
  createdAt: string;
  endedAt?: string;
  loss?: number;
  learningRate?: number;
  lastStepSeconds?: number;
  /** Incidents that are not closed. */
  openIncidents: number;
}

export interface RunList {
  runs: RunSummary[];
}

export interface Run extends RunSummary {
  waitingFor?: { code: string; message: string; action: string };
  spec: RunSpec;
  recipe: Recipe;
  plan?: Plan;
  tokens: number;
  tokensPerSecond?: number;
  stepSeconds: { predicted?: number; measuredMedian?: number };
  attempts: Attempt[];
  incidents: Incident[];
  recipeChanges: RecipeChange[];
  checkpoints: Checkpoint[];
  goodput: Goodput;
}

/** The part of a RunSpec that the page shows. */
export interface RunSpec {
  model: { layers: number; hiddenSize: number; attentionHeads: number; sequenceLength: number };
  training: { tokens: number; checkpointEverySteps: number };
  framework: string;
  policies: { adapt: "auto" | "ask" | "off"; maxRestarts: number };
}

export interface Recipe {
  globalBatch: number;
  learningRate: number;
  minLearningRate: number;
  warmupSteps: number;
  schedule: "constant" | "linear" | "cosine" | "wsd";
  decaySteps: number;
  wsdDecaySteps: number;
  weightDecay: number;
  gradientClip: number;
}

export interface StepRange {
  first: number;
  last: number;
}

export interface Attempt {
  number: number;
  stage: "creating" | "registering" | "starting" | "training" | "ending" | "ended";
  decidedAt: string;
  startedAt?: string;
  firstStepAt?: string;
  endedAt?: string;
  resumeStep: number;
  lastStep: number;
  outcome: string;
  cause: string;
  recipe: Recipe;
  skippedSteps: StepRange[];
  predictedStepSeconds?: number;
  measuredStepSeconds?: number;
  ranks: number;
}

export type IncidentKind =
  | "spike"
  | "nan"
  | "diverged"
  | "dropped"
  | "frozen"
  | "stalled"
  | "exited"
  | "slow-rank"
  | "fault-line"
  | "node-fault"
  | "unreachable";

/** What was decided about an incident; costs are expected ones. */
export interface Decision {
  at: string;
  does: string;
  rule: string;
  gpuSeconds?: number;
  inputs: Record<string, string>;
  alternatives: { action: string; why: string; gpuSeconds?: number }[];
}

export interface Incident {
  id: string;
  kind: IncidentKind;
  attempt: number;
  openedAt: string;
  closedAt?: string;
  step?: number;
  rank?: number;
  shard?: string;
  summary: string;
  evidence: Record<string, string>;
  /** Lesser findings that belong to it. */
  signs: { at: string; kind: string; summary: string }[];
  /** Probability that it is real. */
  confidence: number;
  action: string;
  decision: Decision;
  /** Before it became graver, oldest first. */
  earlierDecisions: Decision[];
  rollbackStep?: number;
  skippedSteps: StepRange[];
  redoneTokens: number;
  lostTokens: number;
  lostSeconds: number;
  status: "open" | "recovered" | "observed" | "unresolved";
}

export interface RecipeChange {
  id: string;
  beforeAttempt: number;
  from: Recipe;
  to: Recipe;
  law: string;
  explanation: string;
  predictedFinalLossUnchanged: number;
  predictedFinalLoss: number;
  low90: number;
  high90: number;
  effectLow90: number;
  effectHigh90: number;
  score: { measuredFinalLoss: number; inInterval: boolean; measuredEffect: number } | null;
  status: "proposed" | "approved" | "rejected" | "applied" | "scored";
}

export interface Checkpoint {
  attempt: number;
  step: number;
  state: string;
  path: string;
  at: string;
  consumedSamples: number;
  seconds: number;
  problem?: string;
}

export type Account =
  | "train"
  | "checkpoint"
  | "detect"
  | "drain"
  | "schedule"
  | "initialise"
  | "redo"
  | "slow"
  | "idle";

/** Accounts in rank-seconds; they add up to `totalSeconds`. */
export interface Goodput {
  accounts: Record<Account, number>;
  totalSeconds: number;
  ettr: number;
  tokensKept: number;
  tokensRedone: number;
  tokensSkipped: number;
  tokensLost: number;
}

export interface Candidate {
  layout: { tensor: number; pipeline: number; data: number; context: number; expert: number };
  microBatch: number;
  microBatches: number;
  globalBatch: number;
  recompute: string;
  zeroStage: number;
}

export interface Plan extends Candidate {
  worldSize: number;
  stepSeconds: number;
  tokensPerSecond: number;
  mfu: number;
  /** Seconds of a step by what they are spent on; they add up to `stepSeconds`. */
  breakdown: Record<string, number>;
  memory: StageMemory[];
  reason: string;
  runnersUp: (Candidate & { stepSeconds: number; why: string })[];
  /** Candidates by the rule that they broke, with the values of one of them. */
  rejected: { rule: string; example: string; count: number }[];
  considered: number;
  /** Not in plans that older versions stored; so are other fields that may be absent. */
  certificate?: Certificate;
  calibration: { source: string };
  days: number;
  gpuHours: number;
  cost?: number;
  energyKWh?: number;
  carbonKg?: number;
  failures?: { usefulShare: number; spareRanks: number; checkpointEverySeconds: number };
  launch: {
    framework: string;
    command: string[];
    environment: Record<string, string>;
    config: string;
    /** What the framework cannot do of what the plan or Longhaul may ask of it. */
    limits?: string[];
  };
}

/** Where the points of the space went; the counts add up to `points`. */
export interface Certificate {
  proven: boolean;
  gap?: number;
  points: number;
  illegal: number;
  tooLarge: number;
  bounded: number;
  dominated: number;
  priced: number;
  open: number;
}

export interface StageMemory {
  stage: number;
  terms: Record<string, number>;
  totalBytes: number;
  /** The range that holds the truth nine times of ten. */
  lowBytes?: number;
  highBytes?: number;
  capacityBytes: number;
  verdict: "safe" | "tight" | "no";
}

/** Columns per attempt; a loss that is not a number is null. */
export interface Curve {
  attempts: AttemptCurve[];
  validation: { attempt: number; step: number; loss: number | null }[];
}

export interface AttemptCurve {
  attempt: number;
  steps: number[];
  loss: (number | null)[];
  learningRate: (number | null)[];
  stepSeconds: (number | null)[];
  /** Whether the step's update is part of the run's weights. */
  kept: boolean[];
}

export interface RunEvent {
  sequence: number;
  at: string;
  type: string;
  attempt?: number;
  text: string;
}

export interface EventPage {
  events: RunEvent[];
  next: number;
}

/** A machine over all runs; `avoidedUntil` while no attempt is placed on it. */
export interface MachineNode {
  name: string;
  blame: number;
  seenAt?: string;
  avoidedUntil?: string;
  reason: string;
}

export interface NodeList {
  nodes: MachineNode[];
}

/** A predicted loss with its 90 % interval. */
export interface LossRange {
  loss: number;
  low90: number;
  high90: number;
}

/** Columns of one length, up to the last step. */
export interface ForecastPath {
  steps: number[];
  learningRate: number[];
  loss: number[];
  low90: number[];
  high90: number[];
  final: LossRange;
}

/** Where the loss is heading; only `reason` while that cannot be told. */
export interface Forecast {
  reason?: string;
  step?: number;
  learningRate?: number;
  totalSteps?: number;
  planned?: ForecastPath;
  designed?: ForecastPath & { effect: LossRange; megatron: string; deepSpeed: string };
}

/** A rest of the run that somebody tries out. */
export interface Design {
  rate: number;
  decayStart: number;
  low: number;
  total: number;
}

package io.longhaul.orchestrator.rehearsal;

import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The ranks of one attempt as one synchronous job: a step ends when every rank has done its part, a dead rank takes
 * the others with it, a frozen one makes them wait.
 */
final class SimulatedTraining {
    private static final double POLL_SECONDS = 0.5;

    private final SimulatedCluster cluster;
    private final AttemptLaunch launch;
    private final Set<Long> skipped = new HashSet<>();
    private final boolean[] frozen;
    private final boolean[] dead;
    private final double[] slowdown;
    private final Set<Integer> startedNodes = new HashSet<>();
    private Instant lastProgress = Instant.MIN;
    private Duration longestSilence = Duration.ZERO;
    private boolean training;
    private boolean over;
    private boolean draining;
    private long step;
    private double damage;
    private int unverified;
    private boolean leaving;

    /** @param launch its command ends with the steps to skip */
    SimulatedTraining(SimulatedCluster cluster, AttemptLaunch launch) {
        this.cluster = cluster;
        this.launch = launch;
        this.step = launch.resumeStep();
        this.frozen = new boolean[launch.worldSize()];
        this.dead = new boolean[launch.worldSize()];
        this.slowdown = new double[launch.worldSize()];
        Arrays.fill(slowdown, 1);
        for (String range : launch.command().subList(1, launch.command().size())) {
            String[] ends = range.split("-");
            for (long i = Long.parseLong(ends[0]); i <= Long.parseLong(ends[1]); i++) {
                skipped.add(i);
            }
        }
    }

    /** A node's agent started its ranks. */
    void nodeStarted(int node) {
        if (!startedNodes.add(node)) {
            throw new AssertionError("ranks of " + launch.key() + " node " + node + " started twice");
        }
        progress();
        if (startedNodes.size() == launch.nodes()) {
            cluster.in(cluster.between(2, 8), this::begin);
        }
    }

    private void begin() {
        if (over) {
            return;
        }
        if (anyDead()) {
            fail();
            return;
        }
        if (step > 0) {
            damage = cluster.storage().load(launch.key().run(), step);
        }
        training = true;
        if (step == cluster.totalSteps()) {
            leave();
        } else {
            next();
        }
    }

    /** Whether a rank lives. */
    boolean alive() {
        return !over && startedNodes.stream()
                .flatMap(node -> ranksOf(node).stream())
                .anyMatch(rank -> !dead[rank]);
    }

    boolean begun() {
        return training;
    }

    long step() {
        return step;
    }

    int ranks() {
        return dead.length;
    }

    /** The longest time without a step so far, the present one included. */
    Duration longestSilence() {
        Duration present = Duration.between(lastProgress, cluster.now());
        return present.compareTo(longestSilence) > 0 ? present : longestSilence;
    }

    private void progress() {
        longestSilence = lastProgress.equals(Instant.MIN) ? Duration.ZERO : longestSilence();
        lastProgress = cluster.now();
    }

    boolean anyDead() {
        for (boolean one : dead) {
            if (one) {
                return true;
            }
        }
        return false;
    }

    void freeze(int rank, boolean on) {
        frozen[rank] = on;
    }

    void slow(int rank, double factor) {
        slowdown[rank] = factor;
    }

    void drain() {
        draining = true;
    }

    /** A rank dies: the others notice in their next collective. */
    void kill(int rank) {
        if (over || dead[rank]) {
            return;
        }
        dead[rank] = true;
        agent(nodeOf(rank)).rankExited(rank, OptionalInt.empty(), OptionalInt.of(9));
        cluster.in(cluster.between(0.5, 3), this::fail);
    }

    /** All ranks of a node end with it, without a word. */
    void nodeLost(int node) {
        for (int rank = 0; rank < dead.length; rank++) {
            dead[rank] |= nodeOf(rank) == node;
        }
        cluster.in(cluster.between(0.5, 3), this::fail);
    }

    private void fail() {
        if (over) {
            return;
        }
        over = true;
        for (int rank = 0; rank < dead.length; rank++) {
            if (!dead[rank]) {
                agent(nodeOf(rank)).rankExited(rank, OptionalInt.of(1), OptionalInt.empty());
            }
        }
    }

    /** Nothing is left of the attempt's ranks. */
    void end() {
        over = true;
    }

    private int nodeOf(int rank) {
        return rank / launch.ranksPerNode();
    }

    private SimulatedAgent agent(int node) {
        return cluster.agent(launch.key(), node);
    }

    private void next() {
        double slowest = Arrays.stream(slowdown).max().orElse(1);
        double seconds = cluster.stepSeconds() * slowest * cluster.between(0.97, 1.03);
        cluster.in(seconds, () -> finishStep(seconds));
    }

    private void finishStep(double seconds) {
        if (over) {
            return;
        }
        if (anyDead()) {
            fail();
            return;
        }
        for (boolean one : frozen) {
            if (one) {
                cluster.in(POLL_SECONDS, () -> finishStep(seconds + POLL_SECONDS));
                return;
            }
        }
        step++;
        progress();
        reportShards();
        for (int rank = 0; rank < dead.length; rank++) {
            double compute = 0.7 * cluster.stepSeconds() * slowdown[rank] * cluster.between(0.98, 1.02);
            int of = rank;
            long made = step;
            agent(nodeOf(rank)).report((seq, at) -> new AgentRecord.RankStep(seq, at, of, made, compute,
                    Math.max(0, seconds - compute), seconds));
        }
        log(seconds);
        boolean last = step == cluster.totalSteps();
        if (last || draining || step % cluster.checkpointEvery() == 0) {
            save(last || draining);
        } else {
            next();
        }
    }

    private void reportShards() {
        long batch = cluster.globalBatch();
        for (SimulatedCluster.Shard shard : cluster.shardsOf((step - 1) * batch, step * batch, step
                - 1 == launch.resumeStep())) {
            agent(0).report((seq, at) -> new AgentRecord.DataShard(seq, at, shard.name(), shard.first(),
                    shard.end()));
        }
    }

    private void log(double seconds) {
        boolean skip = skipped.contains(step);
        boolean corrupt = cluster.corrupt(step);
        boolean nan = !skip && cluster.notFinite(step);
        double loss = 2 + 3 * Math.pow(step + 5, -0.4) + cluster.between(-0.02, 0.02) + damage;
        if (!skip && !nan) {
            damage = corrupt ? 3 : damage * 0.985;
            loss += corrupt ? 1 : 0;
        }
        String line = String.format(
                Locale.ROOT,
                " [2026-01-01 00:00:00] iteration %8d/%8d | consumed samples: %12d |"
                        + " elapsed time per iteration (ms): %.1f | learning rate: 1.000000E-03 | global batch size: %5d |"
                        + "%s number of skipped iterations: %3d | number of nan iterations: %3d |",
                step, cluster.totalSteps(), step * cluster.globalBatch(), 1e3 * seconds,
                cluster.globalBatch(),
                skip
                        ? ""
                        : String.format(Locale.ROOT, " lm loss: %s | grad norm: 1.000 |",
                                nan ? "nan" : String.format(Locale.ROOT, "%.6E", loss)),
                skip ? 1 : 0, nan ? 1 : 0);
        int last = dead.length - 1;
        agent(nodeOf(last)).report((seq, at) -> new AgentRecord.LogLine(seq, at, last,
                AgentRecord.Stream.STDOUT, line));
    }

    /** Written in the background; the last one is waited for. */
    private void save(boolean leave) {
        long saved = step;
        double carried = damage;
        unverified++;
        leaving |= leave;
        cluster.in(cluster.between(0.5, 2), () -> {
            if (!over && !dead[0]) {
                boolean whole = cluster.storage().write(launch.key().run(), saved, carried);
                agent(0).report((seq, at) -> checkpoint(seq, at, saved,
                        AgentRecord.CheckpointState.WRITTEN, Optional.empty()));
                SimulatedAgent verifier = agent(0);
                cluster.in(cluster.between(0.1, 1), () -> {
                    verifier.report((seq, at) -> checkpoint(seq, at, saved,
                            whole ? AgentRecord.CheckpointState.VERIFIED : AgentRecord.CheckpointState.FAILED,
                            whole ? Optional.empty() : Optional.of("checksum")));
                    if (--unverified == 0 && leaving && !over) {
                        leave();
                    }
                });
            }
        });
        if (!leave) {
            next();
        }
    }

    private static AgentRecord checkpoint(long seq, Instant at, long step,
            AgentRecord.CheckpointState state, Optional<String> problem) {
        return new AgentRecord.Checkpoint(seq, at, 0, step, state, "iter_" + step, step, 1, problem);
    }

    private void leave() {
        over = true;
        boolean done = step == cluster.totalSteps();
        for (int rank = 0; rank < dead.length; rank++) {
            agent(nodeOf(rank)).rankExited(rank, OptionalInt.of(done ? 0 : 143), OptionalInt.empty());
        }
    }

    List<Integer> ranksOf(int node) {
        return java.util.stream.IntStream.range(0, dead.length)
                .filter(r -> nodeOf(r) == node)
                .boxed()
                .toList();
    }
}

package io.longhaul.orchestrator.cli.bench;

import com.sun.management.ThreadMXBean;
import io.longhaul.monitor.loss.LossMonitor;
import io.longhaul.monitor.loss.LossPoint;
import io.longhaul.monitor.loss.LossSettings;
import io.longhaul.monitor.steptime.StepTimeMonitor;
import io.longhaul.monitor.steptime.StepTimeSettings;
import io.longhaul.monitor.straggler.JobShape;
import io.longhaul.monitor.straggler.PeerGroups;
import io.longhaul.monitor.straggler.RankTimes;
import io.longhaul.monitor.straggler.StepPhases;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul bench detectors}: one job, one step per second, all detectors of one controller on one thread. */
@Command(name = "detectors", mixinStandardHelpOptions = true, description = "Feeds the detectors with the step times of many ranks on one thread; prints time and allocation per step. With --fuzz, feeds them with lines and signals that no trainer would send instead; prints what was found and how much is kept.")
final class DetectorsBenchCommand implements Callable<Integer> {
    @Option(names = "--ranks", defaultValue = "16384", description = "ranks of the job (default: ${DEFAULT-VALUE})")
    private int ranks;

    @Option(names = "--peers", defaultValue = "256", description = "ranks that do equal work (default: ${DEFAULT-VALUE})")
    private int peers;

    @Option(names = "--steps", defaultValue = "600", description = "steps that are measured (default: ${DEFAULT-VALUE})")
    private int steps;

    @Option(names = "--fuzz", paramLabel = "N", description = "hostile lines and signals instead, so many in all")
    private long fuzz;

    @Option(names = "--seed", defaultValue = "1", description = "of the hostile inputs (default: ${DEFAULT-VALUE})")
    private long seed;

    @Override
    public Integer call() {
        if (fuzz > 0) {
            return new DetectorsFuzz(fuzz, seed).run(System.out);
        }
        measure();
        return 0;
    }

    private void measure() {
        int count = Math.max(1, ranks / peers);
        List<List<Integer>> members = IntStream.range(0, count)
                .mapToObj(g -> IntStream.range(g * peers, (g + 1) * peers).boxed().toList())
                .toList();
        PeerGroups groups = new PeerGroups(count * peers, members, true);
        RankTimes times = new RankTimes(count * peers, new JobShape(members, true, 8));
        StepPhases phases = new StepPhases(count * peers);
        LossMonitor loss = new LossMonitor(LossSettings.usual());
        StepTimeMonitor stepTime = new StepTimeMonitor(StepTimeSettings.usual());
        SplittableRandom random = new SplittableRandom(1);
        // Drawn beforehand, so that only the detectors are measured.
        double[][] seconds = new double[4 * 61][peers];
        for (double[] row : seconds) {
            for (int i = 0; i < peers; i++) {
                row[i] = 1 + 0.02 * random.nextGaussian();
            }
        }
        int warmUp = 400;
        long allocatedBefore = 0;
        long start = 0;
        int found = 0;
        for (int step = 0; step < warmUp + steps; step++) {
            if (step == warmUp) {
                allocatedBefore = allocated();
                start = System.nanoTime();
            }
            // Reports come rank by rank, as agents send them.
            for (int rank = 0; rank < count * peers; rank++) {
                double[] row = seconds[(step * 7 + rank / peers) % seconds.length];
                times.onStep(rank, row[rank % peers], 0.1);
                phases.onStep(step, row[rank % peers], 0.1);
                found += groups.onStep(rank, step, row[rank % peers]).size();
            }
            double noise = seconds[step % seconds.length][0];
            found += loss.onPoint(LossPoint.of(step, 3 + noise)).size();
            found += stepTime.onStep(noise).size();
        }
        double elapsed = (System.nanoTime() - start) / 1e9;
        long samples = (long) steps * count * peers;
        double bytes = (allocated() - allocatedBefore) / (double) samples;
        System.out.printf(
                Locale.ROOT,
                "%d ranks in groups of %d, %d steps: %.2f ms per step, %.1f %% of one core at a step per second,"
                        + " %.0f ns and %.3f bytes allocated per sample; %d findings%n",
                count * peers, peers, steps, 1e3 * elapsed / steps, 100 * elapsed / steps,
                1e9 * elapsed / samples, bytes, found);
    }

    private static long allocated() {
        return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
                ? bean.getCurrentThreadAllocatedBytes()
                : 0;
    }
}

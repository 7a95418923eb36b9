package io.longhaul.orchestrator.cli.bench;

import io.longhaul.orchestrator.cli.place.PlaceBenchCommand;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.legal.Legality;
import io.longhaul.planner.legal.Trainer;
import io.longhaul.planner.model.ModelShape;
import io.longhaul.planner.search.Certificate;
import io.longhaul.planner.search.Goal;
import io.longhaul.planner.search.Objective;
import io.longhaul.planner.search.PlanRequest;
import io.longhaul.planner.search.PlanResult;
import io.longhaul.planner.search.Planner;
import io.longhaul.planner.search.SearchControl;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code longhaul bench planner}: the first plan of a cold process, then each job warmed up, then node orders and mixed devices. */
@Command(name = "planner", mixinStandardHelpOptions = true, description = "Times plans of known jobs over what Megatron-LM runs; prints time, evaluations and certificate.")
final class PlannerBenchCommand implements Runnable {
    @Option(names = "--job", defaultValue = "", description = "only jobs whose name contains this; the first one planned tells the time of a whole process")
    private String job = "";

    @Option(names = "--repeat", defaultValue = "20", description = "plans of each job, of which the fastest counts (default: ${DEFAULT-VALUE})")
    private int repeat;

    @Option(names = "--threads", defaultValue = "1", description = "threads that look for plans (default: ${DEFAULT-VALUE})")
    private int threads;

    @Option(names = "--what-if", description = "over every choice that a layout can name, not only what Megatron-LM runs")
    private boolean whatIf;

    private boolean first = true;

    @Override
    public void run() {
        Map<String, Supplier<String>> jobs = new LinkedHashMap<>();
        ModelShape gpt3 = gpt(96, 12288, 96);
        searched(jobs, "GPT-3 175B on 1,024 A100", gpt3, cluster("A100-SXM-80GB", 128), 1536, Goal.TIME);
        searched(jobs, "GPT 1T on 3,072 A100", gpt(128, 25600, 160), cluster("A100-SXM-80GB", 384), 3072,
                Goal.TIME);
        searched(
                jobs, "DeepSeek-V3 671B on 16,384 H100", deepSeek(), cluster("H100-SXM-80GB", 2048), 15360,
                Goal.TIME);
        searched(
                jobs, "405B, 128k tokens, on 16,384 H100",
                new ModelShape(126, 16384, 53248, 128, 8, 128256, 131072, true, false, 0, 0, 0),
                cluster("H100-SXM-80GB", 2048), 512, Goal.TIME);
        searched(
                jobs, "GPT-3 175B on the cheapest part of 256 A100", gpt3, cluster("A100-SXM-80GB", 32), 1536,
                Goal.TIME.withObjective(new Objective.Cost(1)).withParts(true));
        jobs.forEach((name, work) -> {
            if (name.contains(job)) {
                time(name, work);
            }
        });
        if (job.isEmpty()) {
            new PlaceBenchCommand().run();
        }
    }

    private void time(String name, Supplier<String> work) {
        double seconds = Double.POSITIVE_INFINITY;
        double cpuSeconds = Double.POSITIVE_INFINITY;
        double cold = 0;
        String result = "";
        for (int i = 0; i < repeat; i++) {
            long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            long start = System.nanoTime();
            result = work.get();
            double took = (System.nanoTime() - start) / 1e9;
            cold = i == 0 ? took : cold;
            seconds = Math.min(seconds, took);
            cpuSeconds = Math.min(
                    cpuSeconds, (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu) / 1e9);
            if (first) {
                first = false;
                System.out.printf(
                        Locale.ROOT, "whole process from its start to the first plan: %d ms%n",
                        ManagementFactory.getRuntimeMXBean().getUptime());
            }
        }
        System.out.printf(
                Locale.ROOT, "%s: warm %.1f ms (%.1f ms of CPU), first %.1f ms%n    %s%n", name,
                1e3 * seconds,
                1e3 * cpuSeconds, 1e3 * cold, result);
    }

    private void searched(
            Map<String, Supplier<String>> jobs, String name, ModelShape model, Machine machine, int batch,
            Goal goal) {
        Legality megatron = Legality.of(Trainer.MEGATRON_LM);
        PlanRequest request = new PlanRequest(
                model, machine, batch, whatIf ? megatron.whatIf() : megatron).withGoal(goal);
        SearchControl control = new SearchControl(() -> false, _ -> {
        }, threads);
        jobs.put(name, () -> certificate(Planner.plan(request, control)));
    }

    private static String certificate(PlanResult result) {
        Certificate proof = result.certificate();
        String plan = result.best()
                .map(p -> String.format(Locale.ROOT, "%s: %.2f s per step", p.layout(), p.stepSeconds()))
                .orElse(result.reason());
        return String.format(
                Locale.ROOT,
                "%,d evaluations, %,d of memory; gap %.4f %%, %,d points = %,d illegal + %,d too large + %,d bounded"
                        + " + %,d dominated + %,d priced; %s%n    %s",
                proof.evaluations(), proof.memoryEvaluations(), 100 * proof.gap(), proof.nominal(),
                proof.illegal(),
                proof.tooLarge(), proof.bounded(), proof.dominated(), proof.priced(), proof.hash(), plan);
    }

    private static ModelShape gpt(int layers, int hidden, int heads) {
        return new ModelShape(layers, hidden, 4 * hidden, heads, heads, 51200, 2048, false, true, 0, 0, 0);
    }

    /** DeepSeek-AI 2024, DeepSeek-V3, section 4.2. */
    private static ModelShape deepSeek() {
        return new ModelShape(
                61, 7168, 18432, 128, 128, 129280, 4096, true, false, 256, 8, 2048, 128, 0, 1536, 512, 64, 3,
                1);
    }

    private static Machine.Cluster cluster(String accelerator, int nodes) {
        Accelerator device = Accelerator.named(accelerator).orElseThrow();
        return new Machine.Cluster(
                device, nodes, device.devicesPerNode(), device.intraNodeBandwidth(),
                device.interNodeBandwidth());
    }
}

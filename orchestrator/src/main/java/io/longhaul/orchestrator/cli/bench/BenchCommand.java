package io.longhaul.orchestrator.cli.bench;

import io.longhaul.orchestrator.cli.laws.LawsBenchCommand;
import io.longhaul.orchestrator.cli.place.PlaceBenchCommand;
import picocli.CommandLine.Command;

/** {@code longhaul bench}. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = "Measures what the built-in models and detectors cost on this machine.", subcommands = {
        DetectorsBenchCommand.class, LawsBenchCommand.class, PlannerBenchCommand.class,
        PlaceBenchCommand.class})
public final class BenchCommand {}

package io.longhaul.orchestrator.cli.bench;

import picocli.CommandLine.Command;

/** {@code longhaul bench}. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = "Measures what the built-in models and detectors cost on this machine.", subcommands = {
        DetectorsBenchCommand.class})
public final class BenchCommand {}

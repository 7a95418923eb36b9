package io.longhaul.orchestrator.cli.validate;

import picocli.CommandLine.Command;

/** {@code longhaul validate}. */
@Command(name = "validate", mixinStandardHelpOptions = true, description = "Tries the built-in models and detectors on recorded data and prints how well they do.", subcommands = {
        DetectorsCommand.class})
public final class ValidateCommand {}

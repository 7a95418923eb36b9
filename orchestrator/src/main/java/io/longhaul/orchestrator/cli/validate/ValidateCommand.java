package io.longhaul.orchestrator.cli.validate;

import io.longhaul.orchestrator.cli.laws.LawsValidateCommand;
import io.longhaul.orchestrator.cli.planner.PlannerValidateCommand;
import picocli.CommandLine.Command;

/** {@code longhaul validate}. */
@Command(name = "validate", mixinStandardHelpOptions = true, description = "Tries the built-in models and detectors on recorded data and prints how well they do.", subcommands = {
        DetectorsCommand.class, LawsValidateCommand.class, PlannerValidateCommand.class})
public final class ValidateCommand {}

package io.longhaul.orchestrator.cli.laws;

import picocli.CommandLine.Command;

/** {@code longhaul laws}. */
@Command(name = "laws", mixinStandardHelpOptions = true, description = "Fits the multi-power law to loss curves of one model (CSV with step, lr, loss) and says what schedules would do. Needs no service.", subcommands = {
        LawsFitCommand.class, LawsPredictCommand.class, LawsOptimizeCommand.class, LawsAdviseCommand.class,
        LawsRecipeCommand.class})
public final class LawsCommand {}

package io.longhaul.orchestrator.cli.place;

import picocli.CommandLine.Command;

/** {@code longhaul place}. */
@Command(name = "place", mixinStandardHelpOptions = true, description = "Places a planned run: nodes on measured links, layers on mixed devices, sequences of many lengths, groups behind a weak link.", subcommands = {
        NodesCommand.class, MixedCommand.class, SequencesCommand.class, LocalCommand.class})
public final class PlaceCommand {}

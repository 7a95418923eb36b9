package io.longhaul.orchestrator.cli;

import io.longhaul.orchestrator.cli.bench.BenchCommand;
import io.longhaul.orchestrator.cli.demo.DemoCommand;
import io.longhaul.orchestrator.cli.goodput.GoodputCommand;
import io.longhaul.orchestrator.cli.hang.HangCommand;
import io.longhaul.orchestrator.cli.laws.LawsCommand;
import io.longhaul.orchestrator.cli.place.PlaceCommand;
import io.longhaul.orchestrator.cli.plan.CalibrateCommand;
import io.longhaul.orchestrator.cli.validate.ValidateCommand;
import io.longhaul.orchestrator.cli.watch.WatchCommand;
import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.run.InvalidRunSpecException;
import io.longhaul.orchestrator.service.ServiceStartException;
import java.io.UncheckedIOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code longhaul}. */
@Command(name = "longhaul", mixinStandardHelpOptions = true, version = "Longhaul 0.1.0", description = "Plans, launches, watches, heals and improves pretraining runs.", exitCodeListHeading = "%nExit codes:%n", exitCodeList = {
        "0:done", "1:failed", "2:wrong usage, or a RunSpec that is refused", "3:no service answers",
        "4:no such run", "6:the run did not end well, or nothing can be planned",
        "130:interrupted"}, subcommands = {DemoCommand.class,
                ServeCommand.class, PlanCommand.class, CalibrateCommand.class, PlaceCommand.class,
                RunCommand.class,
                NodesCommand.class,
                ValidateCommand.class,
                WatchCommand.class, BenchCommand.class, LawsCommand.class,
                GoodputCommand.class, HangCommand.class})
public final class LonghaulCli {
    private LonghaulCli() {}

    /** Runs a command and ends the process with its exit code. */
    public static void main(String[] arguments) {
        int code = execute(arguments);
        System.out.flush();
        System.exit(code);
    }

    static int execute(String... arguments) {
        CommandLine line = new CommandLine(new LonghaulCli());
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            System.err.println("longhaul: " + message(e));
            return code(e);
        });
        if (arguments.length == 0) {
            line.usage(System.out);
            return ExitCodes.USAGE;
        }
        return line.execute(arguments);
    }

    private static String message(Exception e) {
        return switch (e) {
            case InvalidRunSpecException invalid -> "the RunSpec is refused:\n"
                    + String.valueOf(invalid.getMessage()).indent(2).stripTrailing();
            case ApiException known -> String.valueOf(known.getMessage());
            case ServiceStartException known -> String.valueOf(known.getMessage());
            case NoPlanException known -> String.valueOf(known.getMessage());
            case UncheckedIOException known -> String.valueOf(known.getMessage());
            default -> {
                e.printStackTrace();
                yield "this should not have happened: " + e;
            }
        };
    }

    private static int code(Exception e) {
        return switch (e) {
            case InvalidRunSpecException invalid -> ExitCodes.USAGE;
            case ApiException known -> known.exitCode();
            case NoPlanException none -> ExitCodes.NO_PLAN;
            default -> ExitCodes.FAILED;
        };
    }
}

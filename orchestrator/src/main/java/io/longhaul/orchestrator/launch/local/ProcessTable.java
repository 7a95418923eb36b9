package io.longhaul.orchestrator.launch.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Processes as Linux shows them under {@code /proc}. A process is named by its number and its start time, since
 * numbers are used again.
 */
public final class ProcessTable {
    private static final Path PROC = Path.of("/proc");

    private ProcessTable() {}

    /** @param started clock ticks since boot, field 22 of {@code /proc/PID/stat} (proc(5)) */
    public record Identity(long pid, long started) {}

    /** Start time of a living process; empty if there is none or it is a zombie. */
    public static OptionalLong started(long pid) {
        try {
            String stat = Files.readString(PROC.resolve(pid + "/stat"), StandardCharsets.ISO_8859_1);
            // The name in parentheses may hold spaces and parentheses itself: count from its last one.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return fields[0].equals("Z") || fields[0].equals("X")
                    ? OptionalLong.empty()
                    : OptionalLong.of(Long.parseLong(fields[19]));
        } catch (IOException | IndexOutOfBoundsException | NumberFormatException gone) {
            return OptionalLong.empty();
        }
    }

    /** A living process; empty if there is none of this number. */
    public static Optional<Identity> of(long pid) {
        OptionalLong started = started(pid);
        return started.isPresent() ? Optional.of(new Identity(pid, started.getAsLong())) : Optional.empty();
    }

    public static boolean alive(Identity process) {
        OptionalLong started = started(process.pid());
        return started.isPresent() && started.getAsLong() == process.started();
    }

    /** Living processes started with the variable {@code name=value} in their environment. */
    public static List<Identity> withVariable(String name, String value) {
        String wanted = bytesAsText((name + "=" + value).getBytes(StandardCharsets.UTF_8));
        List<Identity> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path entry : entries) {
                long pid = Long.parseLong(entry.getFileName().toString());
                OptionalLong started = started(pid);
                if (started.isPresent() && strings(entry.resolve("environ")).contains(wanted)) {
                    found.add(new Identity(pid, started.getAsLong()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + PROC, e);
        }
        return found;
    }

    /** Program and arguments; empty if the process is gone. */
    public static List<String> commandLine(long pid) {
        return strings(PROC.resolve(pid + "/cmdline"));
    }

    private static List<String> strings(Path file) {
        try {
            return List.of(bytesAsText(Files.readAllBytes(file)).split("\0"));
        } catch (IOException goneOrForeign) {
            return List.of();
        }
    }

    /** One character per byte: environments need not be valid in any encoding. */
    private static String bytesAsText(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}

package io.longhaul.orchestrator.service;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/** The bundled PostgreSQL's programs, unpacked under a directory of the service. */
final class PostgresPrograms {
    private static final String ARCHIVE = "/postgres-linux-x86_64.txz";

    private static final Pattern REASON = Pattern.compile("(FATAL|PANIC|error): .*");

    private final Path directory;

    private PostgresPrograms(Path directory) {
        this.directory = directory;
    }

    /**
     * Unpacks the programs at the first use. A directory of the final name is complete: what a killed service or a
     * full disk left half done bears another name.
     *
     * @param version names the directory
     */
    static PostgresPrograms unpack(Path base, String version) throws IOException {
        Path directory = base.resolve("programs-" + version);
        if (!Files.exists(directory)) {
            Path draft = Drafts.directory(base, "programs");
            try (InputStream resource = PostgresPrograms.class.getResourceAsStream(ARCHIVE)) {
                if (resource == null) {
                    throw new IOException("no PostgreSQL for this kind of machine in the application");
                }
                unpack(resource, draft);
            }
            Files.move(draft, directory, StandardCopyOption.ATOMIC_MOVE);
        }
        return new PostgresPrograms(directory);
    }

    private static void unpack(InputStream archive, Path target) throws IOException {
        try (TarArchiveInputStream tar = new TarArchiveInputStream(
                new XZInputStream(new BufferedInputStream(archive)))) {
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                Path file = target.resolve(entry.getName()).normalize();
                if (entry.isDirectory()) {
                    Files.createDirectories(file);
                    continue;
                }
                Files.createDirectories(file.getParent());
                if (entry.isSymbolicLink()) {
                    Files.createSymbolicLink(file, Path.of(entry.getLinkName()));
                } else {
                    Files.copy(tar, file);
                    file.toFile().setExecutable((entry.getMode() & 0100) != 0);
                }
            }
        }
    }

    /** The command line of a program. PostgreSQL refuses to be root: root runs it in a user namespace of its own. */
    List<String> command(String program, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        if (Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0)) {
            command.addAll(List.of("unshare", "-U"));
        }
        command.add(directory.resolve("bin").resolve(program).toString());
        command.addAll(arguments);
        return command;
    }

    /** Runs a program to its end. */
    void run(String program, List<String> arguments) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command(program, arguments)).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(program + " failed: " + reason(output));
        }
    }

    /** The newest line of a program's output that says why it failed, without the time and process before it. */
    static String reason(String output) {
        Matcher matcher = REASON.matcher(output);
        String reason = output.strip();
        while (matcher.find()) {
            reason = matcher.group().strip();
        }
        return reason;
    }
}

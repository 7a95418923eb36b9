package io.longhaul.orchestrator.service;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * Directory of one service: database, run directories, keys. One process at a time holds it by a file lock
 * that the kernel drops when the process dies, however it dies.
 */
public final class ServiceHome implements AutoCloseable {
    private final Path directory;
    private final FileChannel channel;
    private final FileLock lock;

    private ServiceHome(Path directory, FileChannel channel, FileLock lock) {
        this.directory = directory;
        this.channel = channel;
        this.lock = lock;
    }

    /**
     * Takes the directory, creating it if needed.
     *
     * @throws ServiceStartException if it cannot be written or another service holds it
     */
    public static ServiceHome open(Path home) {
        Path directory = home.toAbsolutePath().normalize();
        try {
            Files.createDirectories(directory);
            FileChannel channel = FileChannel.open(
                    directory.resolve("service.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = tryLock(channel);
            if (lock == null) {
                channel.close();
                throw new ServiceStartException(
                        "another Longhaul service holds " + directory + running(directory)
                                + ": use it, stop it, or choose another directory with --home");
            }
            return new ServiceHome(directory, channel, lock);
        } catch (IOException e) {
            throw new ServiceStartException(
                    "cannot use " + directory + " as home: " + e
                            + "; choose a writable directory with --home",
                    e);
        }
    }

    private static @org.jspecify.annotations.Nullable FileLock tryLock(FileChannel channel)
            throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    private static String running(Path directory) throws IOException {
        Path pid = directory.resolve("service.pid");
        Path url = directory.resolve("service.url");
        return Files.exists(pid) && Files.exists(url)
                ? " (process " + Files.readString(pid).strip() + ", " + Files.readString(url).strip() + ")"
                : "";
    }

    public Path directory() {
        return directory;
    }

    /** Directory of the runs' own files: checkpoints, the agents' state and logs. */
    public Path runs() {
        return directory.resolve("runs");
    }

    /** Tells the command line and scripts where the service answers. */
    public void announce(String url) {
        writeAtomically(directory.resolve("service.pid"), ProcessHandle.current().pid() + "\n");
        writeAtomically(directory.resolve("service.url"), url + "\n");
    }

    /** A secret of 256 bits in hexadecimal, made at the first use, readable by the owner alone. */
    public String secret(String name) {
        Path file = directory.resolve(name);
        try {
            if (!Files.exists(file)) {
                byte[] bytes = new byte[32];
                new SecureRandom().nextBytes(bytes);
                Path draft = Files.createTempFile(
                        directory,
                        name,
                        ".new",
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
                Files.writeString(draft, HexFormat.of().formatHex(bytes));
                Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
            }
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read or make " + file, e);
        }
    }

    private static void writeAtomically(Path file, String text) {
        try {
            Path draft = file.resolveSibling(file.getFileName() + ".new");
            Files.writeString(draft, text);
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file, e);
        }
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(directory.resolve("service.url"));
            Files.deleteIfExists(directory.resolve("service.pid"));
            lock.release();
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot release " + directory, e);
        }
    }
}

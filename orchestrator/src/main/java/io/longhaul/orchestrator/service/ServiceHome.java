package io.longhaul.orchestrator.service;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;

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
            Drafts.clear(directory);
            clearAnnouncement(directory);
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
        Path url = directory.resolve("service.url");
        Optional<ProcessHandle> holder = holder(directory);
        return holder.isPresent() && Files.exists(url)
                ? " (process " + holder.get().pid() + ", " + Files.readString(url).strip() + ")"
                : "";
    }

    /** The process of the service that holds a home and answers; a file that a killed service left names none. */
    public static Optional<ProcessHandle> holder(Path home) {
        try {
            return Files.exists(home.resolve("service.url"))
                    ? ProcessHandle.of(Long.parseLong(Files.readString(home.resolve("service.pid")).strip()))
                            .filter(process -> locked(home))
                    : Optional.empty();
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static boolean locked(Path home) {
        try (FileChannel channel = FileChannel.open(home.resolve("service.lock"), StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            return lock == null;
        } catch (OverlappingFileLockException e) {
            return true;
        } catch (IOException e) {
            return false;
        }
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
        try {
            Drafts.write(directory.resolve("service.pid"), ProcessHandle.current().pid() + "\n");
            Drafts.write(directory.resolve("service.url"), url + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write in " + directory + ": " + e.getMessage(), e);
        }
    }

    private static void clearAnnouncement(Path directory) throws IOException {
        Files.deleteIfExists(directory.resolve("service.url"));
        Files.deleteIfExists(directory.resolve("service.pid"));
    }

    /** A secret of 256 bits in hexadecimal, made at the first use, readable by the owner alone. */
    public String secret(String name) {
        Path file = directory.resolve(name);
        try {
            if (!Files.exists(file)) {
                byte[] bytes = new byte[32];
                new SecureRandom().nextBytes(bytes);
                Drafts.write(file, HexFormat.of().formatHex(bytes));
            }
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read or make " + file + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        try {
            clearAnnouncement(directory);
            lock.release();
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot release " + directory, e);
        }
    }
}

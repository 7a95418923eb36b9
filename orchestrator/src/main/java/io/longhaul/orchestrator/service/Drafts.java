package io.longhaul.orchestrator.service;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files and directories that appear whole or not at all, however the service ends and however full the disk is. */
final class Drafts {
    private static final Logger LOG = LoggerFactory.getLogger(Drafts.class);
    private static final String PREFIX = "draft-";

    private Drafts() {}

    /** Replaces a file's text; only the owner may read it. */
    static void write(Path file, String text) throws IOException {
        Path draft = Files.createTempFile(
                file.getParent(), PREFIX, ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            Files.writeString(draft, text);
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    /** A new directory to fill and then to move to its place. */
    static Path directory(Path parent, String name) throws IOException {
        return Files.createTempDirectory(parent, PREFIX + name + "-");
    }

    /** Removes what earlier services left behind; what cannot be removed yet is left to the next start. */
    static void clear(Path parent) throws IOException {
        try (DirectoryStream<Path> drafts = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (Path draft : drafts) {
                delete(draft);
            }
        }
    }

    private static void delete(Path tree) {
        try (Stream<Path> paths = Files.walk(tree)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            LOG.info("cannot remove {} yet: {}", tree, e.getMessage());
        }
    }
}

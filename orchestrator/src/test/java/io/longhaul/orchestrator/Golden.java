package io.longhaul.orchestrator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reviewed texts in {@code src/test/resources/golden}; {@code -Dgolden.update=true} writes them anew. */
public final class Golden {
    private static final Path FILES = Path.of("src/test/resources/golden");

    private Golden() {}

    public static void check(String name, String actual) {
        if (Boolean.getBoolean("golden.update")) {
            try {
                Files.writeString(FILES.resolve(name), actual);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        assertThat(actual).as("%s, -Dgolden.update=true writes it anew", name).isEqualTo(text(name));
    }

    public static String text(String name) {
        try {
            return Files.readString(FILES.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.longhaul.orchestrator.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the service's home is, and settings from the environment. */
public final class Homes {
    private static final String DEFAULT_URL = "http://127.0.0.1:8787";

    private Homes() {}

    /** The directory that was named, else {@code $LONGHAUL_HOME}, else {@code ~/.longhaul}. */
    public static Path home(@Nullable Path named) {
        if (named != null) {
            return named.toAbsolutePath();
        }
        String variable = System.getenv("LONGHAUL_HOME");
        return (variable != null ? Path.of(variable) : Path.of(System.getProperty("user.home"), ".longhaul"))
                .toAbsolutePath();
    }

    /** Address of the service of the usual home. */
    static String url() {
        try {
            Path file = home(null).resolve("service.url");
            return Files.exists(file) ? Files.readString(file).strip() : DEFAULT_URL;
        } catch (IOException e) {
            return DEFAULT_URL;
        }
    }

    /** A variable of the environment. */
    public static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value != null ? value : otherwise;
    }
}

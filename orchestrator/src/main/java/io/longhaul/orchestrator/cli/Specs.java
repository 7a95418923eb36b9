package io.longhaul.orchestrator.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** RunSpec files. */
final class Specs {
    private Specs() {}

    /** @throws ApiException if the file cannot be read */
    static String read(Path file) {
        try {
            return file.toString().equals("-")
                    ? new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
                    : Files.readString(file);
        } catch (IOException e) {
            throw new ApiException(ExitCodes.USAGE,
                    "cannot read " + file + ": " + e + "; examples/ holds RunSpecs");
        }
    }
}

package io.longhaul.orchestrator.cli.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A short-lived program of the worker side. */
final class Tool {
    private Tool() {}

    /**
     * Runs it to its end with {@code worker} on Python's path.
     *
     * @throws DemoException with its output if it fails
     */
    static void run(String purpose, Path worker, String... command) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("PYTHONPATH", worker.toString());
        try {
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int code = process.waitFor();
            if (code != 0) {
                throw new DemoException(purpose + " failed with exit code " + code + ":\n" + output);
            }
        } catch (IOException e) {
            throw new DemoException(purpose + " cannot start: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException(purpose + " was interrupted", e);
        }
    }
}

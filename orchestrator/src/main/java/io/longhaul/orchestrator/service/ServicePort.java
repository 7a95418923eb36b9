package io.longhaul.orchestrator.service;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;

/** Chooses the port of the API. Agents remember it, so a service must come back where it was. */
public final class ServicePort {
    private ServicePort() {}

    /**
     * @param wanted 0 for the one kept in {@code file}, or a free one that is then kept there
     * @throws ServiceStartException if the port is taken
     */
    public static int choose(int wanted, Path file) {
        try {
            int port = wanted == 0 && Files.exists(file)
                    ? Integer.parseInt(Files.readString(file).strip())
                    : wanted;
            int free = bind(port);
            Drafts.write(file, Integer.toString(free));
            return free;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot keep the port: " + e.getMessage(), e);
        }
    }

    private static int bind(int port) {
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return probe.getLocalPort();
        } catch (IOException e) {
            throw taken(port, e);
        }
    }

    /** The error of a port that somebody else listens on. */
    public static ServiceStartException taken(int port, Throwable cause) {
        return new ServiceStartException(
                "port " + port + " is in use: stop what listens there, or choose another with --port"
                        + " (0 finds a free one)",
                cause);
    }
}

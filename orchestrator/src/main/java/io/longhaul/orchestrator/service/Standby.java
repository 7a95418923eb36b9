package io.longhaul.orchestrator.service;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** Answers on the service's port while another service leads: alive, but nothing to be asked yet. */
public final class Standby implements AutoCloseable {
    private static final String ALIVE = "/actuator/health/liveness";

    private final HttpServer server;

    /** @throws ServiceStartException if the port is taken */
    public Standby(InetSocketAddress address) {
        try {
            server = HttpServer.create(address, 0);
        } catch (IOException e) {
            throw ServicePort.taken(address.getPort(), e);
        }
        server.createContext("/", Standby::answer);
        server.start();
    }

    private static void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean alive = exchange.getRequestURI().getPath().equals(ALIVE);
            byte[] body = (alive
                    ? "{\"status\":\"UP\"}"
                    : "{\"status\":\"OUT_OF_SERVICE\",\"code\":\"standby\"}")
                    .getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(alive ? 200 : 503, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}

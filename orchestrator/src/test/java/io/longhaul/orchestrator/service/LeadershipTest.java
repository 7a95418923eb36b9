package io.longhaul.orchestrator.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.run.InMemoryRunStore;
import io.longhaul.orchestrator.run.RunStore;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One leads, one stands by. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class LeadershipTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private final RunStore store = new InMemoryRunStore();

    private Leadership service(String name, Duration lease, Runnable onLoss) {
        return new Leadership(store, name, lease, onLoss);
    }

    @Test
    void theSecondWaitsUntilTheFirstGivesUp() {
        Leadership first = service("first", HOUR, () -> {
        });
        assertThat(first.tryLead()).isTrue();
        assertThat(first.holds()).isTrue();
        try (Leadership second = service("second", HOUR, () -> {
        })) {
            assertThat(second.tryLead()).isFalse();
            assertThat(second.holds()).isFalse();
            first.close();
            second.lead();
            assertThat(second.holds()).isTrue();
            assertThat(second.epoch()).isGreaterThan(first.epoch());
        }
    }

    @Test
    void whoeverIsReplacedLearnsIt() throws InterruptedException {
        CountDownLatch told = new CountDownLatch(1);
        try (Leadership leader = service("first", Duration.ofMillis(100), told::countDown)) {
            assertThat(leader.tryLead()).isTrue();
            store.release(leader.epoch());
            // Between two renewals, as after a freeze.
            while (store.takeOver("second", HOUR).isEmpty()) {
                store.release(leader.epoch());
            }
            told.await();
            assertThat(leader.holds()).isFalse();
        }
    }

    @Test
    void aServiceThatStandsByIsAliveButNotReady() throws IOException, InterruptedException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        try (Standby standby = new Standby(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                HttpClient client = HttpClient.newHttpClient()) {
            assertThat(status(client, port, "/actuator/health/liveness")).isEqualTo(200);
            assertThat(status(client, port, "/actuator/health/readiness")).isEqualTo(503);
            assertThat(status(client, port, "/api/v1/runs")).isEqualTo(503);
        }
    }

    private static int status(HttpClient client, int port, String path)
            throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
                BodyHandlers.discarding()).statusCode();
    }
}

package io.longhaul.orchestrator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.orchestrator.service.ServiceStartException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A service of its own, started and stopped as a whole. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
final class ServiceLifeTest {
    @TempDir
    static Path home;

    /** Settings of workers, as every service of the tests has them. */
    @BeforeAll
    static void settings() {
        assertThat(TestService.url()).isNotEmpty();
    }

    @Test
    void aServiceEndsItsStreamsComesBackWhereItWasAndGoesOnWithItsRuns() throws IOException {
        String url;
        String id;
        BufferedReader stream;
        try (LonghaulApplication.Running first = LonghaulApplication.start(home, 0)) {
            url = first.url();
            id = Http
                    .send("POST", url + "/api/v1/runs",
                            BodyPublishers.ofString(TestService.spec("kept", "trains")))
                    .json()
                    .path("id")
                    .asString();
            stream = new BufferedReader(new InputStreamReader(
                    URI.create(url + "/api/v1/runs/" + id + "/stream").toURL().openStream(),
                    StandardCharsets.UTF_8));
            assertThat(stream.readLine()).isEqualTo("event:run");
            awaitStep30(url, id);
        }
        readToItsEnd(stream);
        assertThat(home.resolve("service.url")).doesNotExist();
        try (LonghaulApplication.Running second = LonghaulApplication.start(home, 0)) {
            assertThat(second.url()).isEqualTo(url);
            assertThat(home.resolve("service.url")).hasContent(url);
            awaitStep30(url, id);
            Http.send("POST", url + "/api/v1/runs/" + id + "/stop", BodyPublishers.noBody());
            while (!Http.get(url + "/api/v1/runs/" + id).json().path("phase").asString().equals("stopped")) {
                Thread.onSpinWait();
            }
            assertThat(Http.get(url + "/api/v1/runs/" + id).json().path("attempts").size()).isEqualTo(1);
        }
    }

    /** The connection may be cut, but it may not be left open. */
    private static void readToItsEnd(BufferedReader stream) {
        try (stream) {
            while (stream.readLine() != null) {
                Thread.onSpinWait();
            }
        } catch (IOException cut) {
            assertThat(cut).hasMessageContaining("EOF");
        }
    }

    private static void awaitStep30(String url, String id) {
        while (Http.get(url + "/api/v1/runs/" + id).json().path("step").asLong() < 30) {
            Thread.onSpinWait();
        }
    }

    @Test
    void aPortInUseIsToldWithTheRemedyAndLeavesNothingBehind(@TempDir Path other) throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> LonghaulApplication.start(other, taken.getLocalPort()))
                    .isInstanceOf(ServiceStartException.class)
                    .hasMessageContaining(taken.getLocalPort() + " is in use")
                    .hasMessageContaining("--port");
        }
        assertThat(other.resolve("postgres")).doesNotExist();
        assertThatThrownBy(() -> LonghaulApplication.start(TestService.home(), 0))
                .isInstanceOf(ServiceStartException.class)
                .hasMessageContaining(TestService.url());
    }
}

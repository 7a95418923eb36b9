package io.longhaul.orchestrator.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.Http;
import io.longhaul.orchestrator.Http.Reply;
import io.longhaul.orchestrator.TestService;
import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.AttemptKey;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What agents are answered. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class AgentChannelTest {
    private static final byte[] EMPTY = "{\"epoch\":1,\"acknowledged\":[],\"records\":[]}"
            .getBytes(StandardCharsets.UTF_8);

    private static Reply sync(AttemptKey key, byte[] body, String... headers) {
        String token = "Bearer " + TestService.bean(AgentTokens.class).token(key, 0);
        String[] all = Arrays.copyOf(headers, headers.length + 2);
        all[headers.length] = "Authorization";
        all[headers.length + 1] = token;
        return Http.send("POST", path(key, 0), BodyPublishers.ofByteArray(body), all);
    }

    private static String path(AttemptKey key, int node) {
        return "/agent/v1/runs/" + key.run() + "/attempts/" + key.attempt() + "/nodes/" + node + "/sync";
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(plain);
        }
        return out.toByteArray();
    }

    private static void answers(Reply reply, int status, String code) {
        assertThat(reply.status()).as(reply.response().body()).isEqualTo(status);
        assertThat(reply.json().path("code").asString()).startsWith(code);
    }

    @Test
    void onlyTheNodesOwnTokenIsLetIn() {
        AttemptKey key = new AttemptKey(UUID.randomUUID(), 1);
        AgentTokens tokens = TestService.bean(AgentTokens.class);
        for (String wrong : new String[]{"", "Bearer ", "Bearer x", "Basic " + tokens.token(key, 0),
                "Bearer " + tokens.token(key, 1),
                "Bearer " + tokens.token(new AttemptKey(key.run(), 2), 0)}) {
            answers(Http.send("POST", path(key, 0), BodyPublishers.ofByteArray(EMPTY), "Authorization",
                    wrong), 401,
                    "bad-token");
        }
        answers(Http.send("POST", path(key, 0), BodyPublishers.ofByteArray(EMPTY)), 401, "bad-token");
    }

    @Test
    void anAgentOfALivingAttemptIsHeardAndOneOfAnEndedOrUnknownIsSentAway() throws IOException {
        String id = Http.submit(TestService.spec("agents", "trains"));
        Http.await(id, run -> run.path("step").asLong() == 30);
        AttemptKey living = new AttemptKey(UUID.fromString(id), 1);
        Reply heard = sync(living, gzip(EMPTY), "Content-Encoding", "gzip");
        assertThat(heard.status()).isEqualTo(200);
        assertThat(heard.json().path("ack").asLong()).isGreaterThan(30);
        assertThat(heard.json().path("epoch").asLong()).isPositive();
        assertThat(sync(living, EMPTY).json()).isEqualTo(heard.json());
        answers(sync(new AttemptKey(living.run(), 2), EMPTY), 410, "no-such-attempt");
        answers(sync(new AttemptKey(UUID.randomUUID(), 1), EMPTY), 410, "no-such-attempt");
        Http.post("/api/v1/runs/" + id + "/stop", "");
        Http.await(id, "stopped");
        answers(sync(living, EMPTY), 409, "attempt-ended");
    }

    @Test
    void whatIsNoMessageIsRefused() throws IOException {
        AttemptKey key = new AttemptKey(UUID.randomUUID(), 1);
        byte[] whole = gzip(EMPTY);
        answers(sync(key, EMPTY, "Content-Encoding", "gzip"), 400, "bad-message");
        answers(sync(key, Arrays.copyOf(whole, whole.length - 9), "Content-Encoding", "gzip"), 400,
                "bad-message");
        answers(sync(key, gzip("[]".getBytes(StandardCharsets.UTF_8)), "Content-Encoding", "gzip"), 400,
                "bad-message");
        answers(sync(key, whole), 400, "bad-message");
        answers(sync(key, "[".repeat(100_000).getBytes(StandardCharsets.UTF_8)), 400, "bad-message");
        assertThat(sync(key, new byte[0]).status()).isEqualTo(400);
        for (String holes : List.of("\"acknowledged\":[null],\"records\":[]",
                "\"acknowledged\":[],\"records\":[null]")) {
            answers(sync(key, ("{\"epoch\":1," + holes + "}").getBytes(StandardCharsets.UTF_8)), 400,
                    "bad-message");
        }
    }

    @Test
    void aSmallMessageCannotBecomeAHugeOne() throws IOException {
        AttemptKey key = new AttemptKey(UUID.randomUUID(), 1);
        byte[] bomb = gzip(new byte[AgentController.MAX_BYTES + 1]);
        assertThat(bomb).hasSizeLessThan(100_000);
        answers(sync(key, bomb, "Content-Encoding", "gzip"), 400, "bad-message: larger than");
    }

    @Test
    void anAttemptThatCannotBeIsAMistakeOfTheCaller() {
        String path = "/agent/v1/runs/" + UUID.randomUUID() + "/attempts/0/nodes/0/sync";
        assertThat(Http.send("POST", path, BodyPublishers.ofByteArray(EMPTY)).status()).isEqualTo(401);
    }
}

package io.longhaul.orchestrator.launch;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Bearer tokens of agents: an HMAC-SHA256 (RFC 2104) over run, attempt and node. A token is a function of the
 * service's secret, so creating an attempt twice gives the same one and none is stored.
 */
public final class AgentTokens {
    private final SecretKeySpec key;

    public AgentTokens(String secret) {
        this.key = new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256");
    }

    /** The token of one node's agent. */
    public String token(AttemptKey attempt, int node) {
        return code(attempt.run() + "/" + attempt.attempt() + "/" + node);
    }

    /** One token for all agents of an attempt, where they are made alike. */
    public String token(AttemptKey attempt) {
        return code(attempt.run() + "/" + attempt.attempt());
    }

    private String code(String subject) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            return HexFormat.of().formatHex(mac.doFinal(subject.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256", e);
        }
    }

    /** Whether the token is the node's or its attempt's, in time that does not depend on where they differ. */
    public boolean valid(AttemptKey attempt, int node, String presented) {
        return same(token(attempt, node), presented) | same(token(attempt), presented);
    }

    private static boolean same(String token, String presented) {
        return MessageDigest.isEqual(token.getBytes(StandardCharsets.UTF_8),
                presented.getBytes(StandardCharsets.UTF_8));
    }
}

package io.longhaul.orchestrator.launch.local;

import io.longhaul.orchestrator.launch.AttemptKey;
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

    public String token(AttemptKey attempt, int node) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            String subject = attempt.run() + "/" + attempt.attempt() + "/" + node;
            return HexFormat.of().formatHex(mac.doFinal(subject.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256", e);
        }
    }

    /** Whether the token is the one of this node, in time that does not depend on where they differ. */
    public boolean valid(AttemptKey attempt, int node, String presented) {
        return MessageDigest.isEqual(
                token(attempt, node).getBytes(StandardCharsets.UTF_8),
                presented.getBytes(StandardCharsets.UTF_8));
    }
}

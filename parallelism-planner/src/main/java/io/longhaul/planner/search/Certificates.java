package io.longhaul.planner.search;

import io.longhaul.planner.search.Expansion.Candidate;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Makes the certificate of a search. */
final class Certificates {
    private Certificates() {}

    static Certificate of(PlanRequest request, Search search, List<Candidate> found) {
        Tally t = search.tally;
        double best = found.isEmpty() ? Double.NaN : found.getFirst().value();
        double bound = search.bound();
        long open = search.openPoints();
        return new Certificate(
                bound, 1 - bound / best, search.nominal, t.illegal(), t.tooLarge, t.bounded, t.dominated,
                t.priced,
                open, t.evaluations, t.memoryEvaluations, t.replays, hash(request, search, found));
    }

    private static String hash(PlanRequest r, Search search, List<Candidate> found) {
        StringBuilder text = new StringBuilder();
        text.append(r.model())
                .append(r.machine())
                .append(r.globalBatch())
                .append(r.fixed())
                .append(r.choices())
                .append(r.legality())
                .append(r.software())
                .append(r.goal())
                .append(search.nominal)
                .append(search.tally.covered());
        for (Candidate c : found) {
            text.append(c.layout()).append(Double.toHexString(c.value()));
        }
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256")
                    .digest(text.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }
}

package io.longhaul.orchestrator.cli.place;

import io.longhaul.planner.place.LengthHistogram;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Lengths of sequences: a header {@code longest,count}, then one line per bucket, shortest first. */
final class LengthFile {
    private static final double MOST_SEQUENCES = 1e15;
    private static final String COUNT = "a whole number of sequences from 0 to 1e15";

    private LengthFile() {}

    static LengthHistogram read(Path file) {
        Table table = new Table(file);
        Table.Line header = table.lines().getFirst();
        if (!header.fields().equals(List.of("longest", "count"))) {
            table.problem(header.number(), "header", String.join(",", header.fields()), "longest,count");
        }
        List<LengthHistogram.Bucket> buckets = new ArrayList<>();
        int before = 0;
        double sum = 0;
        for (Table.Line line : table.lines().subList(1, table.lines().size())) {
            double longest = table.number(
                    line, 0, "longest", before, false, "a whole number of tokens, more than " + before);
            double count = table.number(line, 1, "count", 0, true, COUNT);
            if (count != Math.rint(count) || count > MOST_SEQUENCES) {
                table.problem(line.number(), "count", line.fields().get(1), COUNT);
            }
            if (longest != Math.rint(longest) || longest > 1 << 30) {
                table.problem(line.number(), "longest", line.fields().getFirst(),
                        "a whole number up to 2^30");
            } else if (longest > before) {
                before = (int) longest;
                buckets.add(new LengthHistogram.Bucket(before, Math.round(count)));
                sum += count;
            }
        }
        if (sum == 0) {
            table.problem(header.number(), "number of sequences", "0", "at least one bucket with sequences");
        }
        table.refuse();
        return new LengthHistogram(buckets);
    }
}

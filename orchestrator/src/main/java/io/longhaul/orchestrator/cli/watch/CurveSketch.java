package io.longhaul.orchestrator.cli.watch;

import java.util.ArrayList;
import java.util.List;

/** A curve of any length in bounded memory: neighbouring points are merged when there are too many. */
final class CurveSketch {
    private static final int MOST = 2048;

    /** @param low lowest and {@code high} highest value of the points from {@code step} on */
    record Bucket(long step, double low, double high, double last) {}

    private final List<Bucket> buckets = new ArrayList<>();
    private int pointsPerBucket = 1;
    private int pointsInLast;

    void add(long step, double value) {
        if (!Double.isFinite(value)) {
            return;
        }
        if (!buckets.isEmpty() && pointsInLast < pointsPerBucket && step >= buckets.getLast().step) {
            Bucket b = buckets.removeLast();
            buckets.add(new Bucket(b.step, Math.min(b.low, value), Math.max(b.high, value), value));
            pointsInLast++;
            return;
        }
        if (buckets.size() == MOST) {
            halve();
        }
        buckets.add(new Bucket(step, value, value, value));
        pointsInLast = 1;
    }

    private void halve() {
        for (int i = 0; i < MOST / 2; i++) {
            Bucket a = buckets.get(2 * i);
            Bucket b = buckets.get(2 * i + 1);
            buckets.set(i, new Bucket(a.step, Math.min(a.low, b.low), Math.max(a.high, b.high), b.last));
        }
        buckets.subList(MOST / 2, MOST).clear();
        pointsPerBucket *= 2;
    }

    List<Bucket> buckets() {
        return List.copyOf(buckets);
    }
}

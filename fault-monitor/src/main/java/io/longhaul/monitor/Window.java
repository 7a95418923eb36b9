package io.longhaul.monitor;

/** The newest values of a series, oldest first. */
final class Window {
    private final double[] ring;
    private long added;

    Window(int capacity) {
        ring = new double[capacity];
    }

    void add(double value) {
        ring[(int) (added++ % ring.length)] = value;
    }

    int size() {
        return (int) Math.min(added, ring.length);
    }

    boolean full() {
        return added >= ring.length;
    }

    double last() {
        return ring[(int) ((added - 1) % ring.length)];
    }

    void clear() {
        added = 0;
    }

    /** The newest {@code count} values, or all if there are fewer; oldest first. */
    double[] newest(int count) {
        int size = Math.min(count, size());
        double[] values = new double[size];
        for (int i = 0; i < size; i++) {
            values[i] = ring[(int) ((added - size + i) % ring.length)];
        }
        return values;
    }

    double[] all() {
        return newest(ring.length);
    }
}

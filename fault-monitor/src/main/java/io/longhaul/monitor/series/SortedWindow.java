package io.longhaul.monitor.series;

import java.util.Arrays;

/**
 * The newest values of a series, kept in order of arrival and in order of size.
 *
 * <p>Adding costs one binary search and one move of at most the window, and allocates nothing; quantiles are read
 * off. Values must not be NaN.
 */
public final class SortedWindow {
    /** Standard deviation of a normal distribution over the median distance from its centre. */
    public static final double NORMAL = 1.4826;

    private final double[] ring;
    private final double[] sorted;
    private int size;
    private int next;

    /** @param capacity at least 1 */
    public SortedWindow(int capacity) {
        ring = new double[capacity];
        sorted = new double[capacity];
    }

    /** Adds a value; the oldest leaves a full window. */
    public void add(double value) {
        if (Double.isNaN(value)) {
            throw new IllegalArgumentException("a window cannot order NaN");
        }
        if (size == ring.length) {
            int gone = Arrays.binarySearch(sorted, 0, size, ring[next]);
            System.arraycopy(sorted, gone + 1, sorted, gone, size - gone - 1);
            size--;
        }
        int found = Arrays.binarySearch(sorted, 0, size, value);
        int place = found < 0 ? -found - 1 : found;
        System.arraycopy(sorted, place, sorted, place + 1, size - place);
        sorted[place] = value;
        size++;
        ring[next] = value;
        next = next + 1 == ring.length ? 0 : next + 1;
    }

    public int size() {
        return size;
    }

    public boolean full() {
        return size == ring.length;
    }

    public void clear() {
        size = 0;
        next = 0;
    }

    /** @param age 0 for the newest value, below {@link #size()} */
    public double newest(int age) {
        int place = next - 1 - age;
        return ring[place < 0 ? place + ring.length : place];
    }

    /** The value that leaves with the next one, if the window is full. */
    public double oldest() {
        return newest(size - 1);
    }

    /** The middle value, or the mean of the two in the middle. The window must not be empty. */
    public double median() {
        int middle = size / 2;
        return size % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** @param share 0 for the smallest, 1 for the largest value; between two values the lower one counts */
    public double quantile(double share) {
        return sorted[(int) (share * (size - 1))];
    }

    /** Standard deviation estimated from the distance between the quartiles. */
    public double quartileSigma() {
        return (quantile(0.75) - quantile(0.25)) * NORMAL / 2;
    }
}

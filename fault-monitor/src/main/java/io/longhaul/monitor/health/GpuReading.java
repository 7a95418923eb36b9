package io.longhaul.monitor.health;

/**
 * One value of one GPU.
 *
 * @param gpu index on its node, from 0
 * @param value in the field's unit, finite
 */
public record GpuReading(int gpu, GpuField field, double value) {
    /** More GPUs than any node has. */
    public static final int MOST_GPUS = 64;

    public GpuReading {
        if (gpu < 0 || gpu >= MOST_GPUS || !Double.isFinite(value)) {
            throw new IllegalArgumentException("a reading needs a GPU from 0 to " + (MOST_GPUS - 1)
                    + " and a finite value, got GPU " + gpu + " and " + value);
        }
    }
}

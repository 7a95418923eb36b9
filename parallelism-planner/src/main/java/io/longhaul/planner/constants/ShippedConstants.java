package io.longhaul.planner.constants;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Constants that ship with the planner: offsets by level and key, fitted to published measurements of training runs by
 * {@code longhaul validate planner --constants}. Clusters and models of those runs are not among them.
 */
public final class ShippedConstants {
    private static final ShippedConstants SHIPPED = load();

    private record Key(String level, String key, String constant) {}

    private record Fitted(double offset, double spread) {}

    private final Map<Key, Fitted> fitted = new HashMap<>();

    private ShippedConstants() {}

    public static ShippedConstants get() {
        return SHIPPED;
    }

    private static ShippedConstants load() {
        ShippedConstants all = new ShippedConstants();
        try (InputStream in = Objects.requireNonNull(
                ShippedConstants.class.getResourceAsStream("constants.csv"), "constants.csv is missing")) {
            new String(in.readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.startsWith("#") && !line.startsWith("level,"))
                    .forEach(line -> {
                        String[] f = line.split(",", -1);
                        all.fitted.put(new Key(f[0], f[1], f[2]),
                                new Fitted(Double.parseDouble(f[3]), Double.parseDouble(f[4])));
                    });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    /** Keys of every {@link Level} for software on a device of a cluster that nothing was measured on. */
    public static List<String> keys(Software software, String framework, Accelerator device) {
        return List.of("", software.family().name(), framework, device.generation().name(), device.name(), "",
                "");
    }

    /** Constants for software on a machine: what it was calibrated to, or these; one that was measured needs none. */
    public static Constants on(Machine machine, Software software) {
        if (machine instanceof Machine.Cluster c && c.calibrated().isPresent()) {
            return c.calibrated().get();
        }
        return machine instanceof Machine.Cluster m
                ? SHIPPED.constants(keys(software, "", m.accelerator()))
                : Constants.prior();
    }

    /** Constants for these keys; what is not known of a key is that of the wider one. */
    public Constants constants(List<String> keys) {
        double[] offsets = new double[Constant.values().length];
        for (Level level : Level.values()) {
            for (Constant constant : Constant.values()) {
                Fitted own = find(level, keys, constant);
                offsets[constant.ordinal()] += own == null ? 0 : own.offset;
            }
        }
        return Constants.of(offsets);
    }

    /** Standard deviation of the logarithm of a constant for these keys. */
    public double spread(List<String> keys, Constant constant) {
        double sum = 0;
        for (Level level : Level.values()) {
            Fitted own = find(level, keys, constant);
            double sd = own == null ? level.spread(constant) : own.spread;
            sum += sd * sd;
        }
        return Math.sqrt(sum);
    }

    private @Nullable Fitted find(Level level, List<String> keys, Constant constant) {
        return fitted.get(new Key(level.name(), keys.get(level.ordinal()), constant.name()));
    }
}

package io.longhaul.laws.rule;

import java.util.List;
import java.util.Map;

/** What a rule says of a run: a setting, or why it has nothing to say. */
public sealed interface Rule {
    /** What it is about, in a few words. */
    String subject();

    /** Formula with its constants and source. */
    String law();

    /**
     * A setting.
     *
     * @param inputs that the law was asked with
     * @param value of the setting
     * @param low 90 % interval, or the range that the source gives; the value itself where it gives none
     * @param domain where the law was fitted or derived, and that the run lies in it
     * @param megatron Megatron-LM's arguments, empty where it has none for this
     * @param deepSpeed what of DeepSpeed's configuration changes
     * @param unattended whether it may be applied without a person
     */
    record Given(
            String subject,
            String law,
            Map<String, Double> inputs,
            double value,
            double low,
            double high,
            String domain,
            List<String> megatron,
            String deepSpeed,
            String risk,
            boolean unattended) implements Rule {
        public Given {
            inputs = Map.copyOf(inputs);
            megatron = List.copyOf(megatron);
            if (!(low <= value && value <= high) || !Double.isFinite(low) || !Double.isFinite(high)) {
                throw new IllegalArgumentException(
                        subject + ": " + low + " <= " + value + " <= " + high + " must hold, all finite");
            }
        }
    }

    /** @param why the run is outside of the law's domain, with figures */
    record Abstained(String subject, String law, String why) implements Rule {}
}

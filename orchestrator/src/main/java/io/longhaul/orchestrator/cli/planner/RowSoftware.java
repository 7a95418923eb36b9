package io.longhaul.orchestrator.cli.planner;

import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.model.ModelShape;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The software of a row: what it is called, and what its notes say of it. */
record RowSoftware(RowCells cells) {
    private static final Pattern RELEASE = Pattern.compile("bridge (\\d+\\.\\d+)");

    String framework() {
        String name = cells.text("framework");
        // The major version counts, not the release.
        String plain = name.replaceAll("@\\S+|\\.\\d+", " ").strip().replaceAll("\\s+", " ");
        return plain.isEmpty() ? "unknown" : plain;
    }

    Software software(Accelerator device, ModelShape model) {
        String name = cells.text("framework").toLowerCase(Locale.ROOT);
        boolean modernDevice = device.generation() != Accelerator.Generation.VOLTA
                && device.generation() != Accelerator.Generation.AMPERE;
        Software software;
        if (name.contains("deepspeed") && !name.contains("megatron")
                || name.contains("deepspeed") && cells.number("zero_stage") == 3) {
            software = Software.DEEPSPEED.withFusedAttention(model.gated() || modernDevice);
        } else if (name.contains("megatron-deepspeed") || name.equals("megatron-lm") && !modernDevice
                || name.contains("bigcode")) {
            software = Software.MEGATRON_2021.withFusedAttention(model.gated());
        } else if (name.contains("nemo") || name.contains("bridge")) {
            // Graphs of layers with experts came with Megatron-Bridge 26.04, kernels that sort, scale and activate tokens
            // on their way with 26.06; exchanges run beside another chunk's compute.
            Matcher release = RELEASE.matcher(name);
            double bridge = release.find() ? Double.parseDouble(release.group(1)) : Double.NaN;
            boolean graphs = !model.mixtureOfExperts() || !(bridge <= 26.03);
            software = Software.MEGATRON_TUNED.withFusedKernels(graphs)
                    .withExperts(cells.number("vpp") > 1, bridge > 26.05);
        } else if (name.contains("megatron") || name.contains("mcore") || name.contains("primus")) {
            software = Software.MEGATRON_CORE;
        } else if (name.contains("fsdp") || name.contains("titan") || name.contains("composer")) {
            software = Software.FSDP;
        } else {
            software = cells.number("zero_stage") == 3 ? Software.FSDP : Software.OTHER;
        }
        if (cells.notes("fp32 grad")) {
            software = software.withSumsInFp32(true);
        }
        if (cells.notes("compile")) {
            software = software.withFusedKernels(true);
        }
        if (cells.notes("flash attention") && !cells.notes("no flash attention")) {
            software = software.withFusedAttention(true);
        }
        if (cells.notes("async tp") || cells.notes("overlap flags on")) {
            software = software.withOverlap(true, software.overlapsData());
        }
        if (cells.notes("overlap switched off") || cells.notes("overlap off")) {
            software = software.withOverlap(false, false);
        }
        return software;
    }
}

package io.longhaul.orchestrator.cli.planner;

import io.longhaul.orchestrator.cli.validate.Csv;
import io.longhaul.planner.cluster.Accelerator;
import io.longhaul.planner.cluster.Machine;
import io.longhaul.planner.constants.Constants;
import io.longhaul.planner.constants.Software;
import io.longhaul.planner.layout.ParallelLayout;
import io.longhaul.planner.model.ModelShape;
import java.util.List;
import java.util.Map;

/** Makes a run of a row. */
final class MeasuredRow {
    private final RowCells cells;
    private final String id;
    private final Map<String, Accelerator> devices;

    MeasuredRow(Csv.Row row, String id, Map<String, Accelerator> devices) {
        this.cells = new RowCells(row);
        this.id = id;
        this.devices = devices;
    }

    /** @throws IllegalArgumentException for a row that cannot be predicted, with the reason */
    MeasuredRun run() {
        Accelerator device = device();
        ModelShape model = new RowShape(cells).model();
        RowSoftware named = new RowSoftware(cells);
        Software software = named.software(device, model);
        ParallelLayout layout = new RowLayout(cells).layout(model, software);
        Machine.Cluster machine = machine(device);
        double seconds = seconds(model);
        double memory = cells.number("peak_mem_gb");
        boolean oom = cells.text("outcome").equalsIgnoreCase("oom");
        if (Double.isNaN(seconds) && Double.isNaN(memory) && !oom) {
            throw new IllegalArgumentException("neither step time nor tokens/s nor memory");
        }
        String group = cells.has("group")
                ? cells.text("group")
                : cells.text("model_family") + cells.text("params_b") + "/" + device.name();
        String cluster = group.contains("/") ? group.substring(group.indexOf('/') + 1) : group;
        String source = id.contains("-") ? id.substring(0, id.indexOf('-')) : cells.text("source");
        List<String> keys = List.of("", software.family().name(), named.framework(),
                device.generation().name(),
                device.name(), cluster, group);
        MeasuredRun run = new MeasuredRun(id, source, group, keys, model, machine, software, layout,
                cells.whole("global_batch", 0),
                seconds > 0 ? seconds : Double.NaN,
                memory > 0 ? memory * (cells.notes("gib") ? 1.073741824e9 : 1e9) : Double.NaN,
                memoryKind(), oom, noise(), cells.assumed());
        double price = run.predictedSeconds(Constants.prior());
        double bytes = run.predictedBytes(Constants.prior());
        if (!(price > 0 && price < 1e9 && bytes > 0 && bytes < 1e18)) {
            throw new IllegalArgumentException("a step of this shape and layout would take " + price
                    + " s and " + bytes + " bytes; check layers, hidden, seq_len, global_batch");
        }
        return run;
    }

    private double noise() {
        return switch (cells.text("quality")) {
            case "low" -> 0.15;
            case "medium" -> 0.07;
            default -> 0.05;
        };
    }

    private Accelerator device() {
        String name = cells.text("gpu_type");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("gpu_type is missing");
        }
        Accelerator given = devices.get(name);
        Accelerator found = given != null
                ? given
                : Accelerator.like(name, cells.number("gpu_mem_gb"))
                        .orElseThrow(() -> new IllegalArgumentException("unknown gpu_type " + name));
        return found;
    }

    private Machine.Cluster machine(Accelerator device) {
        int gpus = cells.whole("gpus", 0);
        int perNode = Math.min(gpus, cells.whole("gpus_per_node", device.devicesPerNode()));
        int domain = cells.whole("nvlink_domain", Math.max(perNode, device.linkDomain()));
        double intra = cells.number("intra_bw_gbps");
        double inter = cells.number("inter_bw_gbps_per_gpu");
        if (Double.isNaN(inter) && gpus > perNode) {
            cells.assumed("inter_bw_gbps_per_gpu " + Math.round(device.interNodeBandwidth() * 8e-9));
        }
        Accelerator here = new Accelerator(device.name(), device.peakFlops(), device.memoryBytes(),
                device.memoryBandwidth(), device.efficiency(), device.intraNodeBandwidth(),
                device.interNodeBandwidth(), perNode, device.generation(), device.fp8Flops(),
                device.fp4Flops(), Math.max(domain, perNode));
        return new Machine.Cluster(here, Math.ceilDiv(gpus, perNode), perNode,
                intra > 0 ? intra * 1.25e8 : device.intraNodeBandwidth(),
                inter > 0 ? inter * 1.25e8 : device.interNodeBandwidth());
    }

    private double seconds(ModelShape model) {
        double seconds = cells.number("iter_time_s");
        double tokens = cells.number("tokens_per_s_per_gpu");
        double batch = cells.number("global_batch");
        return seconds > 0 || !(tokens > 0) || !(batch > 0)
                ? seconds
                : batch * model.sequenceLength() / (tokens * cells.number("gpus"));
    }

    private MeasuredRun.MemoryKind memoryKind() {
        if (cells.notes("allocated")) {
            return MeasuredRun.MemoryKind.ALLOCATED;
        }
        return cells.notes("reserved")
                ? MeasuredRun.MemoryKind.RESERVED
                : MeasuredRun.MemoryKind.DEVICE;
    }
}

package io.longhaul.orchestrator.cli.laws;

import java.lang.management.ManagementFactory;

/** Time that the calling thread has worked. */
final class Cpu {
    private Cpu() {}

    static double seconds() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9;
    }
}

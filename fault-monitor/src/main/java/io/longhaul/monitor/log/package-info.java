/** What log lines of trainers, drivers, kernels and schedulers say went wrong. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.log;

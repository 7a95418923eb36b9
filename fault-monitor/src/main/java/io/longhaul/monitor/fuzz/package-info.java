/** Inputs that no trainer would send. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.fuzz;

/** How much of a run's time trains, and what would make it more. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.goodput;

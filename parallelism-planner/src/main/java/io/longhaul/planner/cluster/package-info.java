/** What it is trained on: devices, links and what groups of ranks pay to communicate. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.cluster;

/** Machines over all runs. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.node;

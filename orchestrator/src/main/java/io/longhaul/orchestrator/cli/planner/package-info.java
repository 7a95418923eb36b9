/** {@code longhaul validate planner}: the planner's models on measured runs. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.planner;

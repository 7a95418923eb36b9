/** {@code longhaul place}: which part of the work goes to which part of the machine. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.place;

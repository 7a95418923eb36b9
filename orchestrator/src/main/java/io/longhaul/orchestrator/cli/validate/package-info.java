/** How well the detectors do on recorded runs: the figures that {@code longhaul validate} prints. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.validate;

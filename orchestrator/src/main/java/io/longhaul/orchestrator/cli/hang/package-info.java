/** Whom a job waits for, from the dumps of its flight recorders. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.hang;

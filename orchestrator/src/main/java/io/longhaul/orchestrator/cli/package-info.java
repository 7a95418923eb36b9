/** The command line. Only {@code serve} starts Spring. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli;

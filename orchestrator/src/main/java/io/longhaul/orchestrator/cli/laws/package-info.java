/** How well the scaling laws do on recorded runs that they were not fitted to, and what fitting them costs. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.laws;

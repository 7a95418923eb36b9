/** A plan as one page to read, print and send. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.plan;

/** What failures cost a run, and what would make them cost less. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.goodput;

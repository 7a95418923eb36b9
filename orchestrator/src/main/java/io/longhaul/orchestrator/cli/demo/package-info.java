/** The demonstration: a real run, hurt by real faults, and what became of it. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.demo;

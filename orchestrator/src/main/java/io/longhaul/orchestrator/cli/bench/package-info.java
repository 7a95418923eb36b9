/** {@code longhaul bench}: what things cost. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.bench;

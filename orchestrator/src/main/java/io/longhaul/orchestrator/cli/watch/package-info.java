/** {@code longhaul watch}: a training log, read live. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.cli.watch;

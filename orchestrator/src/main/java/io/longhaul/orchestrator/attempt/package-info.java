/** What an attempt's agents said, turned into curves, signals and findings. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.attempt;

/** Faults as they come in real clusters, for rehearsals. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.rates;

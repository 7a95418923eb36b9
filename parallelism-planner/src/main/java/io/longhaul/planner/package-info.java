/** Chooses how a training run is spread over its ranks: a cost model, a memory model and an exhaustive search. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner;

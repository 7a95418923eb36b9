/** What must be measured: constants of the cost and memory models with priors, and what software does. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.constants;

/** Why a plan is as it is, why another is not it, and what would change that. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.explain;

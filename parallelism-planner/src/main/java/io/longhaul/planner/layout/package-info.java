/** How a step is spread over ranks: every choice that a plan makes. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.layout;

/** What a step takes, and on what. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.cost;

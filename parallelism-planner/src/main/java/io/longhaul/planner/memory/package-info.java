/** What each rank must hold. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.memory;

/** When every pass of a pipeline runs: exact replay of schedules with unequal stages. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.schedule;

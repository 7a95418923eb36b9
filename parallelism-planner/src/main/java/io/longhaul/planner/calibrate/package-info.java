/** Constants from measured steps. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.calibrate;

/** What the time of a step says about the health of a run. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.steptime;

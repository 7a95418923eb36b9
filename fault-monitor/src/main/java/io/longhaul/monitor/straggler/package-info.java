/** Which worker keeps its peers waiting. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.straggler;

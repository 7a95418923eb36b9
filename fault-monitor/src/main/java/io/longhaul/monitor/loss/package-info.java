/** What a training loss says about the health of a run, point by point. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.loss;

/** Series of samples: windows whose order statistics are known at every step, without allocation. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.series;

/** Detectors and response policy: signals in, findings and decisions out; no clock, no input or output. */
@NullMarked
package io.longhaul.monitor;

import org.jspecify.annotations.NullMarked;

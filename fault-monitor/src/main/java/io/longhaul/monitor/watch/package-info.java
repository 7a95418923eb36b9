/** Reads an ordinary training log, line by line, and says what is wrong. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.watch;

/** What to do about findings, what it costs, and why not something else. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.response;

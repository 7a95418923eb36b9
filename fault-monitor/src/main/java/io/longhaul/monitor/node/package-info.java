/** Which nodes have earned distrust. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.node;

/** What a node's own instruments say of its health: GPU counters and clocks, conditions of the cluster's node object. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.health;

package io.longhaul.monitor.health;

import io.longhaul.monitor.log.LogRule;

/**
 * Something that a node's instruments tell.
 *
 * @param rule what it is, as a log line of it would be
 * @param text what was seen, for people
 */
public record HealthEvent(LogRule rule, String text) {}

package io.longhaul.orchestrator.launch;

/**
 * Something that a backend's world may have.
 *
 * @param found whether it is there and may be used
 * @param used whether runs make use of it when it is there
 * @param reason what follows for runs, or how to get it
 */
public record Capability(String name, boolean found, boolean used, String reason) {}

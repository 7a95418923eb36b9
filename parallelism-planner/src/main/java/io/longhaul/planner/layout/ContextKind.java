package io.longhaul.planner.layout;

/** How ranks of a context-parallel group see each other's keys and values. */
public enum ContextKind {
    /** Keys and values go round a ring (Liu et al. 2023). */
    RING,
    /** Heads are exchanged for tokens before and after attention (DeepSpeed-Ulysses, Jacobs et al. 2023). */
    ALL_TO_ALL,
    /** Exchange within a node, a ring between nodes. */
    HIERARCHICAL
}

package io.longhaul.monitor.log;

/**
 * What happened, and what to do about it.
 *
 * @param name family and kind, as in {@code hw.gpu_lost}
 * @param family group of labels with the same kind of answer
 * @param scope how far it reaches: gpu, rank, link, node, job or cluster
 * @param action one phrase for the person on call
 * @param suspect what is to be looked at: node, network, storage, user's code or settings, or nothing in particular
 */
public record LogLabel(String name, String family, String scope, String action, Suspect suspect) {
    /** Who is suspected. */
    public enum Suspect {
        NODE, NETWORK, STORAGE, USER, NONE
    }
}

package io.longhaul.monitor.watch;

import java.util.OptionalLong;

/**
 * What a log tells that somebody should know.
 *
 * @param family loss, step time, model or log
 * @param kind what it is, in one word
 * @param grade how bad it is
 * @param line number of the line that showed it, from 1
 * @param step training step concerned, where there is one
 * @param text one sentence
 */
public record Notice(String family, String kind, Grade grade, long line, OptionalLong step, String text) {
    /** How bad it is; ascending. */
    public enum Grade {
        INFO, MINOR, MAJOR, CRITICAL
    }
}

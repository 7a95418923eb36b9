package io.longhaul.monitor.internals;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A quantity of the model that often moves before the loss does.
 *
 * @see <a href="https://arxiv.org/abs/2309.14322">Wortsman et al., Small-scale proxies for large-scale Transformer training
 *     instabilities, sections 3.1 and 3.4</a>: attention logits beyond 10^4 end in divergence
 * @see <a href="https://arxiv.org/abs/2507.20534">Kimi K2, section 2.1</a>: logits are clipped from 100 on
 */
public enum Internal {
    /** Largest logit before the softmax of attention, over layers and heads. */
    ATTENTION_LOGIT("max attention logit", 100, 1e4, 1.5,
            "max[ _](?:attention|attn)[ _]logits?|(?:attention|attn)[ _]logits?[ _/]max|max[ _]logits?|qk[ _]max"),
    /** Size of what flows along the residual stream. */
    ACTIVATION_NORM("activation norm", 0, Double.POSITIVE_INFINITY, 1.5,
            "activations?[ _](?:norm|rms)|act[ _](?:norm|rms)|hidden[ _](?:states?[ _])?(?:norm|rms)"
                    + "|residual[ _](?:stream[ _])?(?:norm|rms)"),
    /** How unevenly tokens fall to experts: an auxiliary loss or a largest load over the mean. */
    EXPERT_BALANCE("expert imbalance", 0, Double.POSITIVE_INFINITY, 1.5,
            "load[ _]balanc(?:e|ing)[ _]loss|(?:moe[ _])?aux(?:iliary)?[ _]loss|(?:expert|router|load)[ _](?:load[ _])?"
                    + "imbalance|max[ _]?vio(?:lation)?(?:[ _]global)?");

    private static final String NUMBER = "([+-]?(?:\\d+\\.?\\d*(?:e[+-]?\\d+)?|\\.\\d+))(?![\\w.])";

    private final String words;
    private final double from;
    private final double limit;
    private final double growth;
    private final Pattern name;
    private final Pattern inLine;

    Internal(String words, double from, double limit, double growth, String names) {
        this.words = words;
        this.from = from;
        this.limit = limit;
        this.growth = growth;
        name = Pattern.compile(names, Pattern.CASE_INSENSITIVE);
        inLine = Pattern.compile("(?<!\\w)(?:" + names + ")[\"']?\\s*[:=]?\\s*" + NUMBER,
                Pattern.CASE_INSENSITIVE);
    }

    /** A value that was told. */
    public record Reading(Internal what, double value) {}

    /** What a trainer calls by this name; empty for other metrics. */
    public static Optional<Internal> named(String metric) {
        for (Internal one : values()) {
            if (one.name.matcher(metric).matches()) {
                return Optional.of(one);
            }
        }
        return Optional.empty();
    }

    /** What a line of a training log tells, each quantity at most once. */
    public static List<Reading> of(String line) {
        List<Reading> readings = new ArrayList<>(0);
        if (line.length() > 8192) {
            return readings;
        }
        for (Internal one : values()) {
            Matcher matcher = one.inLine.matcher(line);
            if (matcher.find()) {
                readings.add(new Reading(one, Double.parseDouble(matcher.group(1))));
            }
        }
        return readings;
    }

    public String words() {
        return words;
    }

    /** Value below which growth is part of learning. */
    double from() {
        return from;
    }

    /** Value from which it is grave whether it grows or not. */
    double limit() {
        return limit;
    }

    /** Factor of growth that is out of the ordinary. */
    double growth() {
        return growth;
    }
}

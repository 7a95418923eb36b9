package io.longhaul.orchestrator.cli.plan;

import java.util.Locale;

/** Text of a page; what is not markup is escaped. */
final class Html {
    private final StringBuilder out = new StringBuilder();

    /** Markup; values of the format are escaped, the format is not. */
    Html add(String format, Object... values) {
        Object[] escaped = new Object[values.length];
        for (int i = 0; i < values.length; i++) {
            escaped[i] = values[i] instanceof String text ? escaped(text) : values[i];
        }
        out.append(String.format(Locale.ROOT, format, escaped)).append('\n');
        return this;
    }

    /** Markup as it is. */
    Html raw(String markup) {
        out.append(markup);
        return this;
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }

    @Override
    public String toString() {
        return out.toString();
    }
}

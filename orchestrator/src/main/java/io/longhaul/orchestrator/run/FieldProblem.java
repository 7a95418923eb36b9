package io.longhaul.orchestrator.run;

/**
 * One thing wrong with a RunSpec.
 *
 * @param pointer JSON pointer of the field (RFC 6901)
 * @param value what stands there, as text; empty if nothing does
 * @param allowed what may stand there
 * @param hint what to do
 */
public record FieldProblem(String pointer, String value, String allowed, String hint) {
    /** The problem in one line. */
    @Override
    public String toString() {
        return (pointer.isEmpty() ? "the document" : pointer) + (value.isEmpty() ? "" : " is " + value)
                + ": allowed is "
                + allowed + (hint.isEmpty() ? "" : "; " + hint);
    }
}

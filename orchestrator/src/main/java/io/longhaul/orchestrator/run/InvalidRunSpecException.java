package io.longhaul.orchestrator.run;

import java.util.List;
import java.util.stream.Collectors;

/** A RunSpec was refused; every problem is listed. */
public final class InvalidRunSpecException extends RuntimeException {
    private final transient List<FieldProblem> problems;

    public InvalidRunSpecException(List<FieldProblem> problems) {
        super(problems.stream().map(FieldProblem::toString).collect(Collectors.joining("\n")));
        this.problems = List.copyOf(problems);
    }

    public List<FieldProblem> problems() {
        return problems;
    }
}

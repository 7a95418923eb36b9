package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.run.FieldProblem;
import io.longhaul.orchestrator.run.InvalidRunSpecException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;

/** Errors as problem details (RFC 9457). */
@RestControllerAdvice
public class ProblemAdvice extends ResponseEntityExceptionHandler {
    @ExceptionHandler
    ProblemDetail invalid(InvalidRunSpecException e) {
        ProblemDetail problem = problem(HttpStatus.UNPROCESSABLE_CONTENT, "invalid-run-spec",
                "The RunSpec is refused",
                e.problems().size() == 1
                        ? e.problems().getFirst().toString()
                        : e.problems().size() + " fields are wrong; nothing was stored");
        problem.setProperty("errors", errors(e.problems()));
        return problem;
    }

    private static List<Map<String, String>> errors(List<FieldProblem> problems) {
        return problems.stream()
                .map(
                        p -> Map.of(
                                "pointer", p.pointer(), "value", p.value(), "allowed", p.allowed(), "hint",
                                p.hint()))
                .toList();
    }

    @ExceptionHandler
    ProblemDetail noPlan(NoPlanException e) {
        return problem(HttpStatus.UNPROCESSABLE_CONTENT, "no-plan", "There is no plan",
                String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail notFound(NotFoundException e) {
        return problem(HttpStatus.NOT_FOUND, "not-found", "Not found", String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail conflict(IllegalStateException e) {
        return problem(HttpStatus.CONFLICT, "conflict", "Not possible now", String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail badParameter(MethodArgumentTypeMismatchException e) {
        return problem(HttpStatus.BAD_REQUEST, "bad-parameter", "A parameter is wrong",
                e.getName() + " is " + e.getValue() + ": allowed is a " + (e.getRequiredType() == null
                        ? "value of another kind"
                        : e.getRequiredType().getSimpleName()));
    }

    private static ProblemDetail problem(HttpStatus status, String type, String title, String detail) {
        ProblemDetail problem = ProblemDetail.forStatusAndDetail(status, detail);
        problem.setType(URI.create("urn:longhaul:problem:" + type));
        problem.setTitle(title);
        return problem;
    }
}

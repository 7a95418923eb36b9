package io.longhaul.orchestrator.web;

import io.longhaul.orchestrator.plan.NoPlanException;
import io.longhaul.orchestrator.run.FieldProblem;
import io.longhaul.orchestrator.run.InvalidRunSpecException;
import io.longhaul.orchestrator.run.RunStore;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.http.converter.HttpMessageNotReadableException;
import org.springframework.transaction.TransactionException;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.context.request.WebRequest;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;

/** Errors as problem details (RFC 9457). */
@RestControllerAdvice
public class ProblemAdvice extends ResponseEntityExceptionHandler {
    private static final Logger LOG = LoggerFactory.getLogger(ProblemAdvice.class);

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
    ProblemDetail refused(RefusedException e) {
        return problem(e.status(), e.type(), e.title(), String.valueOf(e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail badParameter(MethodArgumentTypeMismatchException e) {
        return refused(RefusedException.badParameter(
                e.getName() + " is " + e.getValue() + ": allowed is a " + (e.getRequiredType() == null
                        ? "value of another kind"
                        : e.getRequiredType().getSimpleName())));
    }

    /** The database is away or busy, or this service is being replaced: the same request may do in a moment. */
    @ExceptionHandler({DataAccessException.class, TransactionException.class, RunStore.FencedException.class})
    ResponseEntity<ProblemDetail> notNow(RuntimeException e) {
        LOG.warn("a request failed: {}", e.toString());
        return ResponseEntity.status(HttpStatus.SERVICE_UNAVAILABLE)
                .header(HttpHeaders.RETRY_AFTER, "1")
                .body(problem(HttpStatus.SERVICE_UNAVAILABLE, "not-now", "Try again",
                        "the request cannot be done now, nothing was changed: " + e.getMessage()));
    }

    @ExceptionHandler
    ProblemDetail unexpected(Exception e) {
        LOG.error("a request failed", e);
        return problem(HttpStatus.INTERNAL_SERVER_ERROR, "internal", "This should not have happened",
                "the service's log has the details of this: " + e);
    }

    @Override
    protected @Nullable ResponseEntity<Object> handleHttpMessageNotReadable(
            HttpMessageNotReadableException e, HttpHeaders headers, HttpStatusCode status,
            WebRequest request) {
        if (e.getCause() instanceof BodyLimit.TooLargeException large) {
            ProblemDetail problem = problem(HttpStatus.CONTENT_TOO_LARGE, "too-large",
                    "The body is too large",
                    String.valueOf(large.getMessage()));
            return handleExceptionInternal(e, problem, headers, HttpStatus.CONTENT_TOO_LARGE, request);
        }
        return super.handleHttpMessageNotReadable(e, headers, status, request);
    }

    private static ProblemDetail problem(HttpStatus status, String type, String title, String detail) {
        ProblemDetail problem = ProblemDetail.forStatusAndDetail(status, detail);
        problem.setType(URI.create("urn:longhaul:problem:" + type));
        problem.setTitle(title);
        return problem;
    }
}

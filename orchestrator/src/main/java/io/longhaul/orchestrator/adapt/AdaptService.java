package io.longhaul.orchestrator.adapt;

import io.longhaul.orchestrator.run.RecipeChange;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.jdbc.core.simple.JdbcClient;
import tools.jackson.databind.json.JsonMapper;

/**
 * Advice as a Spring Batch job per run and attempt: what was asked is stored first, then the job computes and
 * stores the answer. Asked again, the stored answer is given; a job that a crash interrupted is recovered and run
 * to its end.
 */
public final class AdaptService implements AdaptPort {
    static final JsonMapper MAPPER = new JsonMapper();
    private static final int MOST_MISSES = 200;

    private final JdbcClient sql;
    private final JobOperator jobs;
    private final JobRepository repository;
    private final Job advice;

    public AdaptService(DataSource source, JobOperator jobs, JobRepository repository, Job advice) {
        this.sql = JdbcClient.create(source);
        this.jobs = jobs;
        this.repository = repository;
        this.advice = advice;
    }

    @Override
    public AdaptOutcome adapt(AdaptRequest request) {
        Optional<AdaptOutcome> known = outcome(request.run(), request.attempt());
        if (known.isPresent()) {
            return known.get();
        }
        sql.sql("INSERT INTO advice (run, attempt, request) VALUES (?, ?, ?::jsonb) ON CONFLICT DO NOTHING")
                .params(request.run(), request.attempt(), MAPPER.writeValueAsString(request.with(misses())))
                .update();
        runJob(
                new JobParametersBuilder()
                        .addString("run", request.run().toString())
                        .addLong("attempt", (long) request.attempt())
                        .toJobParameters());
        return outcome(request.run(), request.attempt())
                .orElseThrow(() -> new IllegalStateException(
                        "the advice job of " + request.run() + " left no answer"));
    }

    private void runJob(JobParameters parameters) {
        JobExecution last = repository.getLastJobExecution(advice.getName(), parameters);
        try {
            if (last != null && last.isRunning()) {
                jobs.recover(last);
            }
            JobExecution execution = jobs.start(advice, parameters);
            if (execution.getStatus() != BatchStatus.COMPLETED) {
                throw new IllegalStateException(
                        "the advice job ended as " + execution.getStatus() + ": "
                                + execution.getAllFailureExceptions());
            }
        } catch (JobExecutionException e) {
            throw new IllegalStateException("the advice job cannot run: " + e.getMessage(), e);
        }
    }

    private Optional<AdaptOutcome> outcome(UUID run, int attempt) {
        return sql.sql("SELECT outcome FROM advice WHERE run = ? AND attempt = ? AND outcome IS NOT NULL")
                .params(run, attempt)
                .query((row, number) -> MAPPER.readValue(row.getString(1), AdaptOutcome.class))
                .optional();
    }

    @Override
    public RecipeChange score(UUID run, RecipeChange change, long totalSteps, List<CurvePoint> curve) {
        RecipeChange scored = RecipeAdvisor.score(change, totalSteps, curve);
        sql.sql("INSERT INTO advice_miss (run, change, miss) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
                .params(run, change.id(), RecipeAdvisor.miss(scored))
                .update();
        return scored;
    }

    private List<Double> misses() {
        return sql.sql("SELECT miss FROM advice_miss ORDER BY scored_at DESC, run, change LIMIT ?")
                .param(MOST_MISSES)
                .query((row, _) -> row.getDouble("miss"))
                .list();
    }
}

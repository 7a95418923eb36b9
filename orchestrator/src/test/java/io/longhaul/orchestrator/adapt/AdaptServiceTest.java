package io.longhaul.orchestrator.adapt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.longhaul.orchestrator.TestService;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.Recipe.Schedule;
import io.longhaul.orchestrator.run.RecipeChange;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.stream.LongStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.job.parameters.JobParametersBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Advice as a job on the real PostgreSQL and the real Spring Batch. */
final class AdaptServiceTest {
    private static final long STEPS = 600;
    private static final Recipe CONSTANT = new Recipe(16, 1e-3, 1e-4, 20, Schedule.CONSTANT, STEPS, 0, 0.1,
            1);

    private final AdaptService adapt = TestService.bean(AdaptService.class);
    private final JobRepository repository = TestService.bean(JobRepository.class);
    private final JdbcClient sql = JdbcClient.create(TestService.bean(DataSource.class));
    private final UUID run = UUID.randomUUID();

    /** A curve that falls as a power of the steps, with the noise of a small batch. */
    private static List<CurvePoint> curve(long steps) {
        SplittableRandom random = new SplittableRandom(7);
        return LongStream.rangeClosed(1, steps)
                .mapToObj(step -> new CurvePoint(step, step < 20 ? step * 5e-5 : 1e-3,
                        1.5 + 4 * Math.pow(step, -0.5) + 0.02 * random.nextGaussian(), step * 2048))
                .toList();
    }

    private AdaptRequest request(int attempt, long resume, Recipe recipe) {
        sql.sql("INSERT INTO run (id, created_at, last_event) VALUES (?, now(), 1) ON CONFLICT DO NOTHING")
                .param(run)
                .update();
        return new AdaptRequest(run, attempt, resume, STEPS, recipe, Optional.empty(), curve(resume),
                List.of(), 1234);
    }

    private JobParameters parameters(int attempt) {
        return new JobParametersBuilder().addString("run", run.toString())
                .addLong("attempt", (long) attempt)
                .toJobParameters();
    }

    private int executions(int attempt) {
        return sql.sql(
                "SELECT count(*) FROM batch_job_execution_params WHERE parameter_name = 'run' AND parameter_value = ?"
                        + " AND job_execution_id IN (SELECT job_execution_id FROM batch_job_execution_params"
                        + " WHERE parameter_name = 'attempt' AND parameter_value = ?)")
                .params(run.toString(), Integer.toString(attempt))
                .query(Integer.class)
                .single();
    }

    @Test
    void whatIsAskedTwiceIsComputedOnceAndAnsweredAlike() {
        AdaptRequest request = request(2, 300, CONSTANT);
        AdaptOutcome first = adapt.adapt(request);
        assertThat(first.change()).as(first.explanation()).isPresent();
        RecipeChange change = first.change().orElseThrow();
        assertThat(change.to().schedule()).isEqualTo(Schedule.WSD);
        assertThat(change.effectHigh90()).as("the whole interval is a gain").isNegative();
        assertThat(change.status()).isEqualTo(RecipeChange.Status.PROPOSED);

        assertThat(adapt.adapt(
                new AdaptRequest(run, 2, 100, STEPS, CONSTANT, Optional.empty(), List.of(), List.of(), 1)))
                .as("the question of the first time counts")
                .isEqualTo(first);
        assertThat(executions(2)).isEqualTo(1);
        assertThat(repository.getLastJobExecution("advice", parameters(2)).getStatus())
                .isEqualTo(BatchStatus.COMPLETED);
    }

    @Test
    void tooLittleEvidenceIsAnAnswer() {
        assertThat(adapt.adapt(request(2, 60, CONSTANT)).change()).isEmpty();
        assertThat(adapt.adapt(request(2, 60, CONSTANT)).explanation()).contains("too little evidence");
        assertThat(adapt.adapt(request(3, 0, CONSTANT)).change()).isEmpty();
        Recipe cosine = new Recipe(16, 1e-3, 1e-4, 20, Schedule.COSINE, STEPS, 0, 0.1, 1);
        assertThat(adapt.adapt(request(4, 300, cosine)).explanation())
                .as("its curve is a constant rate's")
                .contains("would make the rate jump");
    }

    /** The service died in the middle of the job: the question is stored and its execution stands at STARTED. */
    @Test
    void aJobThatACrashInterruptedIsTakenUpAndDone() {
        AdaptRequest request = request(2, 300, CONSTANT);
        sql.sql("INSERT INTO advice (run, attempt, request) VALUES (?, 2, ?::jsonb)")
                .params(run, AdaptService.MAPPER.writeValueAsString(request))
                .update();
        interrupted(BatchStatus.STARTED);
        assertThat(adapt.adapt(request).change()).isPresent();
        assertThat(executions(2)).as("the one that died and the one that finished").isEqualTo(2);
        assertThat(repository.getLastJobExecution("advice", parameters(2)).getStatus())
                .isEqualTo(BatchStatus.COMPLETED);
    }

    /** Dead before the first step of the job was written down. */
    @Test
    void aJobThatNeverBeganIsTakenUpAndDone() {
        AdaptRequest request = request(2, 300, CONSTANT);
        interrupted(BatchStatus.STARTING);
        assertThat(adapt.adapt(request).change()).isPresent();
    }

    private void interrupted(BatchStatus status) {
        JobExecution dead = repository.createJobExecution(
                repository.createJobInstance(TestService.bean(Job.class).getName(), parameters(2)),
                parameters(2),
                new ExecutionContext());
        dead.setStatus(status);
        if (status == BatchStatus.STARTED) {
            dead.setStartTime(LocalDateTime.now());
            StepExecution step = repository.createStepExecution("advise", dead);
            step.setStatus(BatchStatus.STARTED);
            step.setStartTime(LocalDateTime.now());
            repository.update(step);
        }
        repository.update(dead);
    }

    @Test
    void aChangeIsScoredByTheLastStepsThoughTheVeryLastAreMissing() {
        RecipeChange change = adapt.adapt(request(2, 300, CONSTANT))
                .change()
                .orElseThrow()
                .with(RecipeChange.Status.APPLIED);
        RecipeChange scored = adapt.score(run, change, STEPS, curve(595));
        double expected = curve(595).stream()
                .filter(p -> p.step() > 570)
                .mapToDouble(CurvePoint::loss)
                .average()
                .orElseThrow();
        RecipeChange.Score score = scored.score().orElseThrow();
        assertThat(score.measuredFinalLoss()).isEqualTo(expected);
        assertThat(score.measuredEffect()).isEqualTo(expected - change.predictedFinalLossUnchanged());
        adapt.score(run, change, STEPS, curve(595));
        assertThat(
                sql.sql("SELECT miss FROM advice_miss WHERE run = ?").param(run).query(Double.class).single())
                .as("once, however often it is scored")
                .isCloseTo(
                        (expected - change.predictedFinalLoss()) / ((change.high90() - change.low90()) / 2),
                        within(1e-9));
        assertThat(score.inInterval()).isEqualTo(change.low90() <= expected && expected <= change.high90());
        assertThatThrownBy(() -> adapt.score(run, change, STEPS, curve(500)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("step 500");
    }
}

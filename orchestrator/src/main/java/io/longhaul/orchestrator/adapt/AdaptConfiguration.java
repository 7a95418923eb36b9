package io.longhaul.orchestrator.adapt;

import java.util.UUID;
import javax.sql.DataSource;
import org.springframework.batch.core.configuration.annotation.StepScope;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.PlatformTransactionManager;

/** The advice job and the service in front of it. */
@Configuration(proxyBeanMethods = false)
public class AdaptConfiguration {
    @Bean
    Job adviceJob(JobRepository repository, Step adviceStep) {
        return new JobBuilder("advice", repository).start(adviceStep).build();
    }

    @Bean
    Step adviceStep(JobRepository repository, PlatformTransactionManager transactions,
            Tasklet adviceTasklet) {
        return new StepBuilder("advise", repository).tasklet(adviceTasklet, transactions).build();
    }

    /** Fit, choice and storing are one step: they take a second together and need no half-way point. */
    @Bean
    @StepScope
    Tasklet adviceTasklet(
            DataSource source,
            @Value("#{jobParameters['run']}") String run,
            @Value("#{jobParameters['attempt']}") long attempt) {
        JdbcClient sql = JdbcClient.create(source);
        return (contribution, context) -> {
            String request = sql.sql("SELECT request FROM advice WHERE run = ? AND attempt = ?")
                    .params(UUID.fromString(run), attempt)
                    .query((row, number) -> row.getString(1))
                    .single();
            AdaptOutcome outcome = RecipeAdvisor
                    .advise(AdaptService.MAPPER.readValue(request, AdaptRequest.class));
            sql.sql("UPDATE advice SET outcome = ?::jsonb WHERE run = ? AND attempt = ?")
                    .params(AdaptService.MAPPER.writeValueAsString(outcome), UUID.fromString(run), attempt)
                    .update();
            return RepeatStatus.FINISHED;
        };
    }

    @Bean
    AdaptService adaptService(DataSource source, JobOperator jobs, JobRepository repository, Job adviceJob) {
        return new AdaptService(source, jobs, repository, adviceJob);
    }
}

package io.longhaul.orchestrator;

import com.zaxxer.hikari.HikariDataSource;
import io.longhaul.orchestrator.launch.local.LocalBackend;
import io.longhaul.orchestrator.service.EmbeddedDatabase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.util.FileSystemUtils;

/** The whole service as users start it, once for all tests of this JVM; only the workers' Python is a stand-in. */
public final class TestService {
    private static final Path HOME = temporary();
    private static final LonghaulApplication.Running RUNNING = start();

    private TestService() {}

    private static Path temporary() {
        try {
            return Files.createTempDirectory("longhaul-test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LonghaulApplication.Running start() {
        System.setProperty("longhaul.worker", "../worker");
        System.setProperty("longhaul.python",
                Path.of("src/test/resources/python-stand-in").toAbsolutePath().toString());
        LonghaulApplication.Running running = LonghaulApplication.start(HOME, 0);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            LocalBackend workers = running.context().getBean(LocalBackend.class);
            running.close();
            workers.observe().forEach(left -> workers.fence(left.key()));
            try {
                FileSystemUtils.deleteRecursively(HOME);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }));
        return running;
    }

    /**
     * A run of 100 steps on one rank.
     *
     * @param data {@code trains} makes 30 steps and goes on until it is stopped, {@code finishes} makes all, anything
     *     else fails
     */
    public static String spec(String name, String data) {
        return """
                name: %s
                model: { layers: 2, hiddenSize: 32, attentionHeads: 2, vocabSize: 64, sequenceLength: 16 }
                training: { tokens: 6400, globalBatch: 4, learningRate: 0.001, schedule: constant, data: %s }
                cluster: { ranks: 1 }
                policies: { adapt: off, maxRestarts: 0 }
                """.formatted(name, data);
    }

    public static Path home() {
        return HOME;
    }

    public static String url() {
        return RUNNING.url();
    }

    public static <T> T bean(Class<T> type) {
        return RUNNING.context().getBean(type);
    }

    /** A database of its own on the service's server, with the schema in place. */
    public static DataSource freshDatabase(String name) {
        EmbeddedDatabase server = Objects.requireNonNull(RUNNING.database());
        JdbcClient.create(bean(DataSource.class)).sql("CREATE DATABASE " + name).update();
        DataSource database = DataSourceBuilder.create()
                .type(HikariDataSource.class)
                .url(server.jdbcUrl().replace("/postgres", "/" + name))
                .username(server.user())
                .password(server.password())
                .build();
        Flyway.configure().dataSource(database).load().migrate();
        return database;
    }
}

package io.longhaul.orchestrator;

import com.zaxxer.hikari.HikariDataSource;
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

/** The whole service as users start it, once for all tests of this JVM. */
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
        LonghaulApplication.Running running = LonghaulApplication.start(HOME, 0);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            running.close();
            try {
                FileSystemUtils.deleteRecursively(HOME);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }));
        return running;
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

package io.longhaul.orchestrator.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedDatabaseTest {
    @TempDir
    Path directory;

    @Test
    void isDurableAndAsksForThePasswordAndKeepsItsDataAndPort() throws SQLException {
        String firstUrl;
        try (ServiceHome home = ServiceHome.open(directory);
                EmbeddedDatabase database = EmbeddedDatabase.start(home)) {
            firstUrl = database.jdbcUrl();
            try (Connection connection = connect(database, database.password());
                    Statement statement = connection.createStatement()) {
                assertThat(value(statement, "SHOW fsync")).isEqualTo("on");
                assertThat(value(statement, "SHOW synchronous_commit")).isEqualTo("on");
                statement.execute("CREATE TABLE kept AS SELECT 42 AS answer");
            }
            assertThatThrownBy(() -> connect(database, "wrong")).hasMessageContaining("password");
        }
        try (ServiceHome home = ServiceHome.open(directory);
                EmbeddedDatabase database = EmbeddedDatabase.start(home);
                Connection connection = connect(database, database.password());
                Statement statement = connection.createStatement()) {
            assertThat(database.jdbcUrl()).isEqualTo(firstUrl);
            assertThat(value(statement, "SELECT answer FROM kept")).isEqualTo("42");
        }
    }

    @Test
    void refusesDataOfAnotherVersionAndLeavesItAlone() throws Exception {
        Path version = directory.resolve("postgres/data/PG_VERSION");
        Files.createDirectories(version.getParent());
        Files.writeString(version, "15\n");
        try (ServiceHome home = ServiceHome.open(directory)) {
            assertThatThrownBy(() -> EmbeddedDatabase.start(home))
                    .isInstanceOf(ServiceStartException.class)
                    .hasMessageContaining("PostgreSQL 15")
                    .hasMessageContaining("--home");
        }
        assertThat(directory.resolve("postgres/data")).isDirectoryContaining(file -> file.equals(version));
        assertThat(Files.list(version.getParent())).hasSize(1);
    }

    @Test
    void comesBackOnTheSamePortWhenItsServerIsKilled() throws Exception {
        try (ServiceHome home = ServiceHome.open(directory);
                EmbeddedDatabase database = EmbeddedDatabase.start(home)) {
            try (Connection connection = connect(database, database.password());
                    Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE kept AS SELECT 42 AS answer");
            }
            ProcessHandle server = server();
            server.destroyForcibly();
            server.onExit().get(60, TimeUnit.SECONDS);
            Connection again = null;
            for (int i = 0; i < 600 && again == null; i++) {
                try {
                    again = connect(database, database.password());
                } catch (SQLException notYet) {
                    TimeUnit.MILLISECONDS.sleep(100);
                }
            }
            assertThat(again).isNotNull();
            try (Connection connection = again; Statement statement = connection.createStatement()) {
                assertThat(value(statement, "SELECT answer FROM kept")).isEqualTo("42");
            }
            assertThat(server().pid()).isNotEqualTo(server.pid());
        }
    }

    @Test
    void takesNoOtherProcessForItsServer() throws Exception {
        try (ServiceHome home = ServiceHome.open(directory)) {
            EmbeddedDatabase.start(home).close();
            Process stranger = new ProcessBuilder("sleep", "600").start();
            try {
                Files.writeString(directory.resolve("postgres/data/postmaster.pid"),
                        stranger.pid() + "\n/elsewhere\n");
                try (EmbeddedDatabase database = EmbeddedDatabase.start(home)) {
                    connect(database, database.password()).close();
                }
                assertThat(stranger.isAlive()).isTrue();
            } finally {
                stranger.destroyForcibly();
            }
        }
    }

    @Test
    void aFirstStartThatWasCutShortIsMadeAnew() throws Exception {
        Path base = Files.createDirectories(directory.resolve("postgres"));
        Files.createDirectories(base.resolve("draft-programs-1/bin"));
        Files.writeString(Files.createDirectories(base.resolve("draft-data-2")).resolve("PG_VERSION"), "");
        try (ServiceHome home = ServiceHome.open(directory);
                EmbeddedDatabase database = EmbeddedDatabase.start(home)) {
            connect(database, database.password()).close();
        }
        try (var entries = Files.list(base)) {
            assertThat(entries.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("data", "port", "postgres.log", "programs-18.6");
        }
    }

    private ProcessHandle server() throws Exception {
        String pid = Files.readAllLines(directory.resolve("postgres/data/postmaster.pid")).getFirst();
        return ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
    }

    @Test
    void aHomeHasOneService() {
        try (ServiceHome home = ServiceHome.open(directory)) {
            home.announce("http://127.0.0.1:1");
            assertThatThrownBy(() -> ServiceHome.open(directory))
                    .isInstanceOf(ServiceStartException.class)
                    .hasMessageContaining("http://127.0.0.1:1");
        }
        ServiceHome.open(directory).close();
    }

    private static Connection connect(EmbeddedDatabase database, String password) throws SQLException {
        return DriverManager.getConnection(database.jdbcUrl(), database.user(), password);
    }

    private static String value(Statement statement, String query) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            assertThat(rows.next()).isTrue();
            return rows.getString(1);
        }
    }
}

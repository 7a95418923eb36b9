package io.longhaul.orchestrator.service;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL of the service's own under its home, durable and behind a password, for one machine without a
 * database server. It outlives a killed service; the next start takes it over.
 */
public final class EmbeddedDatabase implements AutoCloseable {
    /** Major version of the bundled server; a data directory of another one is refused. */
    static final String MAJOR_VERSION = "18";

    private static final Logger LOG = LoggerFactory.getLogger(EmbeddedDatabase.class);
    private static final Duration STOP_WAIT = Duration.ofSeconds(30);

    private final EmbeddedPostgres server;
    private final String password;

    private EmbeddedDatabase(EmbeddedPostgres server, String password) {
        this.server = server;
        this.password = password;
    }

    /**
     * Starts the server on the data under {@code home}, making the data first if there is none.
     *
     * @throws ServiceStartException if the data is of another version or the server does not come up
     */
    public static EmbeddedDatabase start(ServiceHome home) {
        Path base = home.directory().resolve("postgres");
        Path data = base.resolve("data");
        Path log = base.resolve("postgres.log");
        String password = home.secret("postgres.key");
        try {
            refuseOtherVersion(data);
            Files.createDirectories(base);
            stopOrphan(data);
            boolean fresh = !Files.exists(data.resolve("postgresql.conf"));
            EmbeddedPostgres server = EmbeddedPostgres.builder()
                    .setOverrideWorkingDirectory(base.resolve("server").toFile())
                    .setDataDirectory(data)
                    .setCleanDataDirectory(false)
                    .setPort(port(base.resolve("port")))
                    .setServerConfig("fsync", "on")
                    .setServerConfig("synchronous_commit", "on")
                    .setServerConfig("shared_buffers", "64MB")
                    .setServerConfig("listen_addresses", "127.0.0.1")
                    .setServerConfig("timezone", "UTC")
                    .setConnectConfig("password", password)
                    .setPGStartupWait(Duration.ofSeconds(60))
                    .setErrorRedirector(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .setOutputRedirector(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .setRegisterShutdownHook(false)
                    .start();
            EmbeddedDatabase database = new EmbeddedDatabase(server, password);
            if (fresh) {
                database.requirePassword(data);
            }
            return database;
        } catch (IOException | SQLException | IllegalStateException e) {
            throw new ServiceStartException(
                    "the embedded PostgreSQL did not start on " + data + ": " + e.getMessage()
                            + "; see " + log
                            + " (full disk, damaged data?), or give a server of your own with"
                            + " LONGHAUL_DATABASE_URL",
                    e);
        }
    }

    public String jdbcUrl() {
        return "jdbc:postgresql://127.0.0.1:" + server.getPort() + "/postgres";
    }

    public String user() {
        return "postgres";
    }

    public String password() {
        return password;
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            LOG.warn("the embedded PostgreSQL did not stop cleanly; it recovers at the next start", e);
        }
    }

    private static void refuseOtherVersion(Path data) throws IOException {
        Path version = data.resolve("PG_VERSION");
        if (Files.exists(version) && !Files.readString(version).strip().equals(MAJOR_VERSION)) {
            throw new ServiceStartException(
                    data + " holds a PostgreSQL " + Files.readString(version).strip()
                            + " database, this Longhaul"
                            + " bundles " + MAJOR_VERSION
                            + ": start the version that made it and move the data with"
                            + " pg_dump, or choose another --home. Nothing was changed.");
        }
    }

    /** Until now local connections needed no password: set one and ask for it. */
    private void requirePassword(Path data) throws SQLException, IOException {
        try (Connection connection = server.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("ALTER USER postgres PASSWORD '" + password + "'");
            Files.writeString(
                    data.resolve("pg_hba.conf"),
                    "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n");
            statement.execute("SELECT pg_reload_conf()");
        }
    }

    /** A server whose service was killed still holds the data directory: shut it down in order. */
    private static void stopOrphan(Path data) throws IOException {
        Path pidFile = data.resolve("postmaster.pid");
        Optional<ProcessHandle> orphan = Files.exists(pidFile)
                ? Files.readAllLines(pidFile)
                        .stream()
                        .findFirst()
                        .map(String::strip)
                        .map(Long::parseLong)
                        .flatMap(ProcessHandle::of)
                        .filter(EmbeddedDatabase::isPostgres)
                : Optional.empty();
        if (orphan.isEmpty()) {
            return;
        }
        LOG.info("taking over the PostgreSQL of a service that ended abruptly (process {})",
                orphan.get().pid());
        new ProcessBuilder("kill", "-INT", Long.toString(orphan.get().pid())).start();
        try {
            orphan.get().onExit().get(STOP_WAIT.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException | java.util.concurrent.ExecutionException e) {
            throw new ServiceStartException(
                    "PostgreSQL process " + orphan.get().pid() + " on " + data
                            + " does not stop; end it by hand",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceStartException("interrupted while an earlier PostgreSQL was stopping", e);
        }
    }

    private static boolean isPostgres(ProcessHandle process) {
        return process.info().command().map(command -> command.endsWith("/postgres")).orElse(true);
    }

    /** The port is kept with the data, so that a surviving connection string stays right; a taken one is replaced. */
    private static int port(Path file) throws IOException {
        if (Files.exists(file)) {
            int kept = Integer.parseInt(Files.readString(file).strip());
            try (ServerSocket probe = new ServerSocket(kept)) {
                return probe.getLocalPort();
            } catch (IOException taken) {
                LOG.info("port {} of the embedded PostgreSQL is taken, choosing another", kept);
            }
        }
        try (ServerSocket probe = new ServerSocket(0)) {
            Files.writeString(file, Integer.toString(probe.getLocalPort()));
            return probe.getLocalPort();
        }
    }
}

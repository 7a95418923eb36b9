package io.longhaul.orchestrator.service;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL of the service's own under its home, durable and behind a password, for one machine without a
 * database server. It outlives a killed service; the next start takes it over. When it ends by itself, it is
 * started again for as long as the service lives.
 */
public final class EmbeddedDatabase implements AutoCloseable {
    /** Version of the bundled programs; a data directory of another major version is refused. */
    static final String VERSION = "18.6";
    static final String MAJOR_VERSION = VERSION.substring(0, VERSION.indexOf('.'));

    private static final Logger LOG = LoggerFactory.getLogger(EmbeddedDatabase.class);
    private static final Duration STOP_WAIT = Duration.ofSeconds(60);
    private static final Duration START_WAIT = Duration.ofSeconds(120);
    private static final Duration RETRY = Duration.ofSeconds(2);
    private static final List<String> SETTINGS = List.of(
            "fsync=on", "synchronous_commit=on", "shared_buffers=64MB", "max_connections=100",
            "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC");

    private final PostgresPrograms programs;
    private final Path data;
    private final Path log;
    private final int port;
    private final String password;
    private final Thread watch = new Thread(this::keepUp, "postgres-watch");
    private volatile Process server;
    private volatile boolean closed;

    private EmbeddedDatabase(PostgresPrograms programs, Path data, Path log, int port, String password)
            throws IOException, InterruptedException {
        this.programs = programs;
        this.data = data;
        this.log = log;
        this.port = port;
        this.password = password;
        this.server = startServer();
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
            Drafts.clear(base);
            PostgresPrograms programs = PostgresPrograms.unpack(base, VERSION);
            if (Files.exists(data)) {
                stopOrphan(data);
            } else {
                make(base, data, programs, home.directory().resolve("postgres.key"));
            }
            EmbeddedDatabase database = new EmbeddedDatabase(
                    programs, data, log, port(base.resolve("port")), password);
            database.watch.setDaemon(true);
            database.watch.start();
            return database;
        } catch (IOException e) {
            throw new ServiceStartException(
                    "the embedded PostgreSQL did not start on " + data + ": " + e.getMessage()
                            + ". Free or repair the disk, choose another --home, or give a server of your own"
                            + " with LONGHAUL_DATABASE_URL.",
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceStartException("interrupted while PostgreSQL was starting", e);
        }
    }

    /** The password is set before the server ever listens. */
    private static void make(Path base, Path data, PostgresPrograms programs, Path passwordFile)
            throws IOException, InterruptedException {
        Path draft = Drafts.directory(base, "data");
        programs.run(
                "initdb",
                List.of(
                        "-D", draft.toString(), "-U", "postgres", "-A", "scram-sha-256",
                        "--pwfile=" + passwordFile, "-E", "UTF8", "--no-locale"));
        Files.move(draft, data, StandardCopyOption.ATOMIC_MOVE);
    }

    public String jdbcUrl() {
        return "jdbc:postgresql://127.0.0.1:" + port + "/postgres";
    }

    public String user() {
        return "postgres";
    }

    public String password() {
        return password;
    }

    /** In a session of its own, so that a Ctrl-C in the terminal does not reach it before the service. */
    private Process startServer() throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(
                List.of("-D", data.toString(), "-p", Integer.toString(port)));
        SETTINGS.forEach(setting -> arguments.addAll(List.of("-c", setting)));
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(programs.command("postgres", arguments));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                .start();
        try {
            awaitConnections(process);
            return process;
        } catch (IOException | InterruptedException e) {
            process.destroy();
            throw e;
        }
    }

    private void awaitConnections(Process process) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + START_WAIT.toNanos();
        while (true) {
            try {
                DriverManager.getConnection(jdbcUrl(), user(), password).close();
                return;
            } catch (SQLException notYet) {
                if (!process.isAlive()) {
                    throw new IOException(
                            "it ended with exit code " + process.exitValue() + ": "
                                    + PostgresPrograms.reason(Files.readString(log, ISO_8859_1)) + " (" + log
                                    + ")",
                            notYet);
                }
                if (System.nanoTime() > deadline) {
                    throw new IOException(
                            "no connection within " + START_WAIT.toSeconds() + " s: " + notYet.getMessage(),
                            notYet);
                }
                TimeUnit.MILLISECONDS.sleep(50);
            }
        }
    }

    private void keepUp() {
        try {
            while (!closed) {
                int code = server.waitFor();
                while (!closed && !server.isAlive()) {
                    LOG.warn("the embedded PostgreSQL ended with exit code {}: starting it again, see {}",
                            code,
                            log);
                    try {
                        server = startServer();
                        LOG.warn("the embedded PostgreSQL is back");
                    } catch (IOException e) {
                        LOG.error("the embedded PostgreSQL does not come back, trying again: {}",
                                e.getMessage());
                        Thread.sleep(RETRY);
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the server in order; its data stays. */
    @Override
    public void close() {
        closed = true;
        watch.interrupt();
        try {
            watch.join();
            stop(server.toHandle());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            LOG.warn("interrupted while PostgreSQL was stopping; it recovers at the next start");
        } catch (IOException e) {
            LOG.warn("PostgreSQL did not stop in order, it recovers at the next start: {}", e.getMessage());
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

    /** A server whose service was killed still holds the data directory: shut it down in order. */
    private static void stopOrphan(Path data) throws IOException, InterruptedException {
        Path pidFile = data.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        Optional<ProcessHandle> process = ProcessHandle
                .of(Long.parseLong(Files.readAllLines(pidFile).getFirst().strip()));
        if (process.isPresent() && serves(process.get(), data)) {
            LOG.info("taking over the PostgreSQL of a service that ended abruptly (process {})",
                    process.get().pid());
            stop(process.get());
        } else {
            // A number from before the machine went down may be another process's now; PostgreSQL would refuse.
            Files.delete(pidFile);
        }
    }

    private static boolean serves(ProcessHandle process, Path data) {
        return process.info().arguments().map(all -> List.of(all).contains(data.toString())).orElse(false);
    }

    /** SIGINT: sessions are cut off, everything is written (PostgreSQL's fast shutdown). */
    private static void stop(ProcessHandle server) throws IOException, InterruptedException {
        if (!server.isAlive()) {
            return;
        }
        new ProcessBuilder("kill", "-INT", Long.toString(server.pid())).start().waitFor();
        try {
            server.onExit().get(STOP_WAIT.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            throw new IOException("PostgreSQL process " + server.pid() + " does not stop; end it by hand", e);
        }
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
            Drafts.write(file, Integer.toString(probe.getLocalPort()));
            return probe.getLocalPort();
        }
    }
}

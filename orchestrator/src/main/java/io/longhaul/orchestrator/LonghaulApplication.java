package io.longhaul.orchestrator;

import io.longhaul.orchestrator.plan.WorkerTools;
import io.longhaul.orchestrator.service.DiskWatch;
import io.longhaul.orchestrator.service.EmbeddedDatabase;
import io.longhaul.orchestrator.service.ServiceHome;
import io.longhaul.orchestrator.service.ServicePort;
import io.longhaul.orchestrator.service.ServiceStartException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanCreationException;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.web.server.PortInUseException;
import org.springframework.context.ConfigurableApplicationContext;

/** Starts and stops the service. */
public final class LonghaulApplication {
    /** Variable naming a PostgreSQL of the user's own; without it the service brings one. */
    public static final String DATABASE_URL = "LONGHAUL_DATABASE_URL";

    private LonghaulApplication() {}

    /**
     * Serves until the process is told to end (SIGTERM, SIGINT); running workers keep running.
     *
     * @param port of the API on the loopback interface; 0 chooses a free one and keeps it with {@code home}
     * @throws ServiceStartException if home, port or database cannot be had; nothing is left running
     */
    public static void serve(Path home, int port) {
        Object starting = new Object();
        AtomicReference<Running> running = new AtomicReference<>();
        synchronized (starting) {
            // A signal that comes while the service starts waits: half a service cannot be ended in order.
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                synchronized (starting) {
                    Optional.ofNullable(running.get()).ifPresent(Running::close);
                }
            }, "shutdown"));
            running.set(start(home, port));
        }
        System.out.println("Longhaul is up: " + running.get().url());
        System.out.flush();
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A started service. */
    record Running(
            String url,
            ConfigurableApplicationContext context,
            @Nullable EmbeddedDatabase database,
            DiskWatch disk,
            ServiceHome home) implements AutoCloseable {
        @Override
        public void close() {
            context.close();
            WorkerTools.endAll();
            if (database != null) {
                database.close();
            }
            disk.close();
            home.close();
        }
    }

    static Running start(Path directory, int port) {
        ServiceHome home = ServiceHome.open(directory);
        EmbeddedDatabase database = null;
        try {
            int chosen = ServicePort.choose(port, home.directory().resolve("port"));
            Map<String, Object> settings = new HashMap<>();
            settings.put("server.port", chosen);
            settings.put("management.metrics.system.diskspace.paths", home.directory().toString());
            String external = System.getenv(DATABASE_URL);
            if (external == null) {
                database = EmbeddedDatabase.start(home);
                settings.put("spring.datasource.url", database.jdbcUrl());
                settings.put("spring.datasource.username", database.user());
                settings.put("spring.datasource.password", database.password());
            } else {
                settings.put("spring.datasource.url", external);
            }
            String url = "http://127.0.0.1:" + chosen;
            settings.put("longhaul.url", url);
            ConfigurableApplicationContext context = run(home, settings);
            home.announce(url);
            return new Running(url, context, database, new DiskWatch(home.directory()), home);
        } catch (RuntimeException e) {
            if (database != null) {
                database.close();
            }
            home.close();
            throw explained(e, port);
        }
    }

    private static ConfigurableApplicationContext run(ServiceHome home, Map<String, Object> settings) {
        SpringApplication application = new SpringApplicationBuilder(ServiceConfiguration.class)
                .bannerMode(Banner.Mode.OFF)
                .registerShutdownHook(false)
                .logStartupInfo(false)
                .properties(settings)
                .build();
        // Not a bean that the context closes: the database is stopped before another service may have the home.
        application.addInitializers(
                context -> context.getBeanFactory().registerSingleton("serviceHome", home));
        return application.run();
    }

    private static RuntimeException explained(RuntimeException e, int port) {
        if (e instanceof ServiceStartException) {
            return e;
        }
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof PortInUseException) {
                return ServicePort.taken(port, cause);
            }
            if (cause instanceof org.flywaydb.core.api.FlywayException) {
                return new ServiceStartException(
                        "the database does not fit this version of Longhaul: " + cause.getMessage()
                                + ". Use the version that made it, or another --home or database.",
                        e);
            }
            if (cause instanceof java.sql.SQLException && !(e instanceof BeanCreationException)) {
                return new ServiceStartException("the database cannot be used: " + cause.getMessage(), e);
            }
        }
        return e;
    }
}

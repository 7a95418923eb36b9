package io.longhaul.orchestrator.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says when the disk under the home fills up. Database, agents and trainers of this machine then stand still and keep
 * what they know in memory, so that nobody else would say why.
 */
public final class DiskWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DiskWatch.class);
    private static final long LOW_MEGABYTES = 64;
    private static final Duration PERIOD = Duration.ofSeconds(2);

    private final Path home;
    private final Thread thread;

    public DiskWatch(Path home) {
        this.home = home;
        this.thread = Thread.ofVirtual().name("disk-watch").start(this::watch);
    }

    private void watch() {
        boolean low = false;
        try {
            while (true) {
                long left = Files.getFileStore(home).getUsableSpace() >> 20;
                if (left < LOW_MEGABYTES && !low) {
                    LOG.error("only {} MB are left on the disk of {}: runs stand still when there is no room",
                            left, home);
                } else if (left >= LOW_MEGABYTES && low) {
                    LOG.warn("there is room again on the disk of {}: {} MB", home, left);
                }
                low = left < LOW_MEGABYTES;
                Thread.sleep(PERIOD);
            }
        } catch (IOException e) {
            LOG.warn("the disk of {} is not watched any more: {}", home, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}

package io.longhaul.orchestrator.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.run.InMemoryRunStore;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.Runs;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

@Timeout(value = 30, unit = TimeUnit.SECONDS)
final class LiveUpdatesTest {
    private final InMemoryRunStore store = new InMemoryRunStore();
    private final RunEngine engine = new RunEngine(store, null, null, null, null, Runs.takeOver(store),
            Runs.AT);

    /** Counts what it is sent; after the first event it may wait as a line whose reader sleeps does. */
    private static final class Line extends SseEmitter {
        private final Semaphore sent = new Semaphore(0);
        private final CountDownLatch awake;
        private boolean opened;

        Line(int sleeps) {
            awake = new CountDownLatch(sleeps);
        }

        @Override
        public void send(SseEventBuilder event) {
            if (opened) {
                try {
                    awake.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException(e);
                }
            }
            opened = true;
            sent.release();
        }
    }

    @Test
    void aViewerWhoReadsSlowlyHoldsUpNobody() throws Exception {
        try (LiveUpdates updates = new LiveUpdates(store, engine, Clock.fixed(Runs.AT, ZoneOffset.UTC))) {
            Line slow = new Line(1);
            Line quick = new Line(0);
            updates.all(slow);
            updates.all(quick);
            quick.sent.acquire();
            slow.sent.acquire();
            for (int change = 0; change < 3; change++) {
                updates.changed(new UUID(0, change));
                quick.sent.acquire();
            }
            assertThat(slow.sent.availablePermits()).isZero();

            slow.awake.countDown();
            slow.sent.acquire(2);
        }
    }
}

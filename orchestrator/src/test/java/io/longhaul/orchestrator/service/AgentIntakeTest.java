package io.longhaul.orchestrator.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.run.RunStore.Sent;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** On a store whose transactions are let through one by one. */
final class AgentIntakeTest {
    private static final UUID RUN = UUID.fromString("6d0f4a1c-5f0e-4c6a-9d3c-1f3f6a0f4c11");

    private static final int FAILS = 99;

    private final List<List<Sent>> transactions = new ArrayList<>();
    private final Semaphore begun = new Semaphore(0);
    private final Semaphore end = new Semaphore(0);
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final AgentIntake intake = new AgentIntake(store(), Clock.systemUTC());

    private RunStore store() {
        return (RunStore) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[]{RunStore.class},
                (proxy, method, arguments) -> receive((List<Sent>) arguments[1]));
    }

    private List<Answer> receive(List<Sent> sent) throws InterruptedException {
        synchronized (transactions) {
            transactions.add(sent);
        }
        begun.release();
        end.acquire();
        if (sent.stream().anyMatch(one -> one.node() == FAILS)) {
            throw new IllegalStateException("the database is away");
        }
        return sent.stream().map(one -> (Answer) new Answer.Accepted(one.node(), 1, List.of())).toList();
    }

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    @Test
    void thoseThatComeWhileOneWritesAreWrittenTogetherAndAnsweredEachForItself() throws Exception {
        CompletableFuture<Answer> first = send(0, true);
        begun.acquire();
        List<CompletableFuture<Answer>> others = new ArrayList<>();
        for (int node = 1; node <= 40; node++) {
            others.add(send(node, true));
        }
        end.release();
        assertThat(first.get(20, TimeUnit.SECONDS)).isEqualTo(new Answer.Accepted(0, 1, List.of()));
        end.release(40);
        for (int node = 1; node <= 40; node++) {
            assertThat(others.get(node - 1).get(20, TimeUnit.SECONDS))
                    .isEqualTo(new Answer.Accepted(node, 1, List.of()));
        }
        assertThat(transactions.stream().mapToInt(List::size).sum()).isEqualTo(41);
        assertThat(transactions).hasSizeLessThan(5);
    }

    @Test
    void whoOnlyAsksIsNotKeptByWhoTells() throws Exception {
        CompletableFuture<Answer> telling = send(0, true);
        begun.acquire();
        CompletableFuture<Answer> asking = send(1, false);
        begun.acquire();
        assertThat(telling).isNotDone();
        end.release(2);
        assertThat(asking.get(20, TimeUnit.SECONDS)).isEqualTo(new Answer.Accepted(1, 1, List.of()));
    }

    @Test
    void aFailureIsThatOfItsTransactionOnly() throws Exception {
        CompletableFuture<Answer> first = send(FAILS, true);
        begun.acquire();
        CompletableFuture<Answer> next = send(1, true);
        end.release();
        assertThatThrownBy(first::join).isInstanceOf(CompletionException.class)
                .hasRootCauseMessage("the database is away");
        end.release();
        assertThat(next.get(20, TimeUnit.SECONDS)).isEqualTo(new Answer.Accepted(1, 1, List.of()));
    }

    /** Returns once the message waits for its turn or is being written. */
    private CompletableFuture<Answer> send(int node, boolean tells) throws InterruptedException {
        List<AgentRecord> records = tells
                ? List.of(new AgentRecord.RankStarted(1, Instant.EPOCH, 0, 1))
                : List.of();
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        CompletableFuture<Answer> answer = CompletableFuture.supplyAsync(() -> {
            thread.complete(Thread.currentThread());
            return intake.receive(RUN, new Sent(1, node, List.of(), records));
        }, threads);
        while (thread.join().getState() != Thread.State.WAITING && !answer.isDone()) {
            Thread.sleep(1);
        }
        return answer;
    }
}

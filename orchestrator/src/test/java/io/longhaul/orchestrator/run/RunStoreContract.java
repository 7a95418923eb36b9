package io.longhaul.orchestrator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.longhaul.monitor.Finding;
import io.longhaul.orchestrator.launch.AgentCommand;
import io.longhaul.orchestrator.launch.AttemptKey;
import io.longhaul.orchestrator.launch.AttemptLaunch;
import io.longhaul.orchestrator.launch.NodeSet;
import io.longhaul.orchestrator.run.RunStore.Answer;
import io.longhaul.orchestrator.run.RunStore.FencedException;
import io.longhaul.orchestrator.run.RunStore.Received;
import io.longhaul.orchestrator.telemetry.AgentRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What every {@link RunStore} keeps to. Runs of other tests may be in the same store. */
abstract class RunStoreContract {
    private static final Instant AT = Instant.parse("2026-01-01T00:00:00.123456Z");

    private UUID run = UUID.randomUUID();
    private AttemptKey attempt = new AttemptKey(run, 1);
    private RunStore store;
    private long epoch;

    abstract RunStore store();

    @BeforeEach
    void takeOver() {
        store = store();
        epoch = Runs.takeOver(store);
    }

    @Test
    void aRunIsKeptWithItsFirstEvent() {
        RunEvent.Created created = new RunEvent.Created(AT, Runs.spec());
        assertThat(store.create(run, created, Optional.empty(), epoch)).isEqualTo(run);
        assertThat(store.load(run).orElseThrow().events()).containsExactly(created);
        assertThat(store.load(run).orElseThrow().cursor()).isZero();
        assertThat(store.load(UUID.randomUUID())).isEmpty();
        assertThat(store.events(UUID.randomUUID(), 0, 10)).isEmpty();
        assertThat(store.records(UUID.randomUUID(), 0, 10)).isEmpty();
    }

    @Test
    void theNewestRunIsListedFirst() {
        UUID older = UUID.randomUUID();
        store.create(run, new RunEvent.Created(AT.plusSeconds(1), Runs.spec()), Optional.empty(), epoch);
        store.create(older, new RunEvent.Created(AT, Runs.spec()), Optional.empty(), epoch);
        assertThat(store.runs()).containsSubsequence(run, older);
    }

    @Test
    void aRequestSentAgainNamesTheSameRun() {
        Optional<String> key = Optional.of("key-" + run);
        RunEvent.Created created = new RunEvent.Created(AT, Runs.spec());
        store.create(run, created, key, epoch);
        UUID second = UUID.randomUUID();
        assertThat(store.create(second, new RunEvent.Created(AT.plusSeconds(9), Runs.spec()), key, epoch))
                .isEqualTo(run);
        assertThat(store.load(second)).isEmpty();
        assertThat(store.load(run).orElseThrow().events()).containsExactly(created);
        assertThat(store.create(second, created, Optional.of("key-" + second), epoch)).isEqualTo(second);
    }

    @Test
    void eventsCursorAndCommandsAreStoredTogetherOrNotAtAll() {
        created();
        RunDecider.Command stop = stop("stop-1-0");
        store.commit(run, epoch, 1, List.of(attemptDecided(1)), 7, List.of(stop));
        assertThat(store.load(run).orElseThrow().cursor()).isEqualTo(7);
        assertThat(accepted(receive()).commands()).containsExactly(stop.command());

        assertThatThrownBy(
                () -> store.commit(run, epoch, 1, List.of(new RunEvent.StopRequested(AT)), 8,
                        List.of(stop("stop-1-0b"))))
                .isInstanceOf(FencedException.class);
        assertThat(store.load(run).orElseThrow().events()).hasSize(2);
        assertThat(store.load(run).orElseThrow().cursor()).isEqualTo(7);
        assertThat(accepted(receive()).commands()).containsExactly(stop.command());
    }

    @Test
    void aReplacedControllerCanWriteNothing() {
        created();
        long next = Runs.takeOver(store);
        assertThat(next).isGreaterThan(epoch);
        assertThatThrownBy(
                () -> store.commit(run, epoch, 1, List.of(new RunEvent.StopRequested(AT)), 0, List.of()))
                .isInstanceOf(FencedException.class);
        assertThatThrownBy(
                () -> store.create(UUID.randomUUID(), new RunEvent.Created(AT, Runs.spec()), Optional.empty(),
                        epoch))
                .isInstanceOf(FencedException.class);
        assertThat(store.load(run).orElseThrow().events()).hasSize(1);
        store.commit(run, next, 1, List.of(new RunEvent.StopRequested(AT)), 0, List.of());
    }

    @Test
    void aLeaseKeepsOthersOutUntilItIsGivenBackOrHasRunOut() {
        Duration hour = Duration.ofHours(1);
        long first = store.takeOver("one", hour).orElseThrow();
        assertThat(store.takeOver("two", hour)).isEmpty();
        assertThat(store.renew(first, hour)).isTrue();
        long again = store.takeOver("one", hour).orElseThrow();
        assertThat(again).as("its holder may come back").isGreaterThan(first);
        assertThat(store.renew(first, hour)).as("but not as who it was").isFalse();
        store.release(first);
        assertThat(store.takeOver("two", hour)).as("what is over cannot be given back").isEmpty();
        store.release(again);
        long second = store.takeOver("two", Duration.ZERO).orElseThrow();
        assertThat(second).isGreaterThan(again);
        assertThat(store.renew(again, hour)).isFalse();
        assertThat(store.takeOver("one", Duration.ZERO)).as("it has run out").isPresent();
    }

    @Test
    void eventsAreReadInPages() {
        created();
        List<RunEvent> more = List.of(new RunEvent.StopRequested(AT), new RunEvent.Stopped(AT));
        store.commit(run, epoch, 1, more, 0, List.of());
        assertThat(store.events(run, 0, 2)).extracting(RunStore.Numbered::sequence).containsExactly(1L, 2L);
        assertThat(store.events(run, 2, 2)).containsExactly(new RunStore.Numbered(3, more.get(1)));
        assertThat(store.events(run, 3, 2)).isEmpty();
    }

    @Test
    void anEventIsReadAsItWasWritten() {
        created();
        Map<String, String> evidence = new LinkedHashMap<>();
        evidence.put("what matters most", "zero \0 inside");
        evidence.put("less", "\u2028");
        RunEvent.IncidentOpened opened = new RunEvent.IncidentOpened(AT.plusNanos(1),
                Runs.incident(new Finding(Finding.Kind.NAN, AT, OptionalLong.of(7), OptionalInt.empty(), "",
                        evidence)));
        store.commit(run, epoch, 1, List.of(opened), 0, List.of());
        RunEvent.IncidentOpened read = (RunEvent.IncidentOpened) store.events(run, 1, 1).getFirst().event();
        assertThat(read).isEqualTo(opened);
        assertThat(read.incident().evidence().keySet()).containsExactlyElementsOf(evidence.keySet());
    }

    @Test
    void recordsAreKeptOnceAndInOrderAndNotBehindAGap() {
        launched();
        assertThat(accepted(receive(1, 2, 3)).stored()).isEqualTo(3);
        assertThat(accepted(receive(2, 3, 4)).stored()).isEqualTo(4);
        assertThat(accepted(receive(6, 7)).stored()).isEqualTo(4);
        assertThat(accepted(receive()).stored()).isEqualTo(4);
        assertThat(accepted(store.receive(attempt, 1, List.of(), records(1), AT)).stored()).isEqualTo(1);

        List<Received> all = store.records(run, 0, 100);
        assertThat(all).extracting(r -> r.node() + "/" + r.message().seq())
                .containsExactly("0/1", "0/2", "0/3", "0/4", "1/1");
        assertThat(all).extracting(Received::id).isSorted().doesNotHaveDuplicates();
        assertThat(all.getFirst().message()).isEqualTo(records(1).getFirst());
        assertThat(store.records(run, all.get(1).id(), 2)).isEqualTo(all.subList(2, 4));
        assertThat(store.records(run, all.getLast().id(), 2)).isEmpty();
    }

    @Test
    void agentsThatSpeakTogetherAreAnsweredEachInItsPlace() {
        launched();
        store.commit(run, epoch, 2, List.of(), 0, List.of(stop("first"), stop("second")));
        List<Answer> answers = store.receive(run, List.of(
                new RunStore.Sent(1, 1, List.of(), records(1, 2)),
                new RunStore.Sent(7, 0, List.of(), records(1)),
                new RunStore.Sent(1, 0, List.of("first"), records(1)),
                // The same again, since its first answer was late, with what came meanwhile.
                new RunStore.Sent(1, 0, List.of("first"), records(1, 2))), AT);
        assertThat(accepted(answers.get(0))).isEqualTo(new Answer.Accepted(2, epoch, List.of()));
        assertThat(answers.get(1)).isEqualTo(new Answer.Unknown());
        assertThat(accepted(answers.get(2)).commands()).containsExactly(stop("second").command());
        assertThat(answers.get(3))
                .isEqualTo(new Answer.Accepted(2, epoch, List.of(stop("second").command())));
        assertThat(store.records(run, 0, 100)).extracting(r -> r.node() + "/" + r.message().seq())
                .containsExactly("1/1", "1/2", "0/1", "0/2");
    }

    @Test
    void aCommandComesUntilItIsAcknowledged() {
        launched();
        RunDecider.Command first = stop("first");
        RunDecider.Command second = stop("second");
        store.commit(run, epoch, 2, List.of(), 0, List.of(first, second));
        assertThat(accepted(receive()).commands()).containsExactly(first.command(), second.command());
        assertThat(accepted(receive()).epoch()).isEqualTo(epoch);
        assertThat(accepted(store.receive(attempt, 1, List.of("first"), List.of(), AT)).commands()).isEmpty();
        assertThat(accepted(store.receive(attempt, 0, List.of("first", "unknown"), List.of(), AT)).commands())
                .containsExactly(second.command());
        store.commit(run, epoch, 2, List.of(), 0, List.of(first));
        assertThat(accepted(receive()).commands()).containsExactly(second.command());
    }

    @Test
    void aFormerControllersCommandCarriesTheEpochOfThePresentOne() {
        launched();
        store.commit(run, epoch, 2, List.of(), 0, List.of(stop("first")));
        long next = Runs.takeOver(store);
        assertThat(accepted(receive()).epoch()).isEqualTo(next);
        assertThat(accepted(receive()).commands()).containsExactly(new AgentCommand.Stop("first", next));
    }

    @Test
    void theCursorNeverGoesBack() {
        launched();
        store.commit(run, epoch, 2, List.of(), 9, List.of());
        store.commit(run, epoch, 2, List.of(new RunEvent.StopRequested(AT)), 4, List.of());
        assertThat(store.load(run).orElseThrow().cursor()).isEqualTo(9);
    }

    @Test
    void agentsOfAnUnknownOrEndedAttemptAreToldSoAndLeaveNothing() {
        assertThat(receive(1)).isEqualTo(new Answer.Unknown());
        launched();
        assertThat(store.receive(new AttemptKey(run, 2), 0, List.of(), records(1), AT))
                .isEqualTo(new Answer.Unknown());
        accepted(receive(1));
        store.commit(run, epoch, 2, List.of(new RunEvent.AttemptEnded(AT, 1, "failed", 0, Optional.empty())),
                0,
                List.of());
        assertThat(receive(2)).isEqualTo(new Answer.Ended());
        assertThat(store.records(run, 0, 10)).hasSize(1);
    }

    @Test
    void anAgentThatIsKeptWaitsForTheNextAttemptAndIsToldOfIt() {
        launched();
        accepted(receive(1));
        store.commit(run, epoch, 2,
                List.of(new RunEvent.AttemptEnded(AT, 1, "failed", 0, Optional.empty(), NodeSet.parse("0"))),
                0,
                List.of());
        assertThat(receive(2)).isEqualTo(new Answer.Accepted(2, epoch, List.of()));
        assertThat(store.receive(attempt, 1, List.of(), records(1), AT)).as("not kept")
                .isEqualTo(new Answer.Ended());
        assertThat(store.records(run, 0, 10)).as("what is said in between is dropped").hasSize(1);
        AttemptLaunch next = new AttemptLaunch(new AttemptKey(run, 2), epoch, 2, 1, List.of("train"),
                Map.of(), 0,
                Optional.empty(), List.of(), new TreeMap<>(Map.of(1, NodeSet.parse("0"))));
        store.commit(run, epoch, 3,
                List.of(new RunEvent.AttemptDecided(AT, next, Runs.spec().training().recipe(), List.of())), 0,
                List.of());
        assertThat(receive(3)).isEqualTo(new Answer.Ended(OptionalInt.of(2)));
        assertThat(store.receive(attempt, 1, List.of(), records(1), AT)).isEqualTo(new Answer.Ended());
        assertThat(accepted(store.receive(new AttemptKey(run, 2), 0, List.of(), records(1), AT)).stored())
                .isEqualTo(1);
    }

    @Test
    void nobodyIsKeptWhileARunWaitsForAPersonOrHasEnded() {
        for (RunEvent end : List.of(new RunEvent.Waiting(AT, "asked", "", ""), new RunEvent.Stopped(AT),
                new RunEvent.Failed(AT, ""))) {
            run = UUID.randomUUID();
            attempt = new AttemptKey(run, 1);
            launched();
            store.commit(run, epoch, 2,
                    List.of(new RunEvent.AttemptEnded(AT, 1, "failed", 0, Optional.empty(),
                            NodeSet.first(2))),
                    0,
                    List.of());
            assertThat(receive()).isInstanceOf(Answer.Accepted.class);
            store.commit(run, epoch, 3, List.of(end), 0, List.of());
            assertThat(receive()).isEqualTo(new Answer.Ended());
        }
    }

    /** Logs hold anything; what a database cannot hold may be replaced, the rest of the line may not. */
    @ParameterizedTest
    @MethodSource("lines")
    void anyLineOfALogIsKept(String line, String storable) {
        launched();
        AgentRecord said = new AgentRecord.LogLine(1, AT, 0, AgentRecord.Stream.STDERR, line);
        assertThat(accepted(store.receive(attempt, 0, List.of(), List.of(said), AT)).stored()).isEqualTo(1);
        assertThat(((AgentRecord.LogLine) store.records(run, 0, 1).getFirst().message()).line())
                .isIn(line, storable);
    }

    static Stream<Arguments> lines() {
        return Stream.of(
                Arguments.of("zero \0 inside", "zero \ufffd inside"),
                Arguments.of("half \ud83d pair", "half ? pair"),
                Arguments.of("whole \ud83d\ude80 pair", "whole \ud83d\ude80 pair"),
                Arguments.of("text \\u0000 of an escape", "text \\u0000 of an escape"),
                Arguments.of("\u2028 \" \\ \u001b[0m \uffff", "\u2028 \" \\ \u001b[0m \uffff"));
    }

    @Test
    void ofTwoDecisionsOnTheSameStateOneIsRefused() throws Exception {
        created();
        List<Boolean> won = together(2, number -> {
            try {
                store.commit(run, epoch, 1, List.of(new RunEvent.Failed(AT, "writer " + number)), 0,
                        List.of());
                return true;
            } catch (FencedException lost) {
                return false;
            }
        });
        assertThat(won).containsExactlyInAnyOrder(true, false);
        assertThat(store.load(run).orElseThrow().events()).hasSize(2);
    }

    @Test
    void oneRequestSentTwiceAtOnceMakesOneRun() throws Exception {
        List<UUID> made = together(2,
                number -> store.create(UUID.randomUUID(), new RunEvent.Created(AT, Runs.spec()),
                        Optional.of("both-" + run), epoch));
        assertThat(made.get(0)).isEqualTo(made.get(1));
    }

    @Test
    void readersMissNothingWhileAgentsAndControllerWrite() throws Exception {
        int agents = 3;
        int each = 40;
        launched();
        List<Long> seen = new ArrayList<>();
        together(agents + 2, number -> {
            if (number < agents) {
                for (long seq = 1; seq <= each; seq++) {
                    accepted(store.receive(attempt, number, List.of(), records(seq), AT));
                }
            } else if (number == agents) {
                for (long after = 2; after < 2 + each; after++) {
                    store.commit(run, epoch, after, List.of(new RunEvent.StopRequested(AT)), 0, List.of());
                }
            } else {
                for (long cursor = 0; seen.size() < agents * each;) {
                    for (Received received : store.records(run, cursor, 7)) {
                        cursor = received.id();
                        seen.add(cursor);
                    }
                }
            }
            return number;
        });
        assertThat(seen).isEqualTo(store.records(run, 0, 1000).stream().map(Received::id).toList());
    }

    private interface Work<T> {
        T of(int number) throws Exception;
    }

    private static <T> List<T> together(int count, Work<T> work) throws Exception {
        CyclicBarrier start = new CyclicBarrier(count);
        try (ExecutorService threads = Executors.newFixedThreadPool(count)) {
            List<Future<T>> results = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int number = i;
                Callable<T> call = () -> {
                    start.await();
                    return work.of(number);
                };
                results.add(threads.submit(call));
            }
            List<T> all = new ArrayList<>();
            for (Future<T> result : results) {
                all.add(result.get());
            }
            return all;
        }
    }

    private void created() {
        store.create(run, new RunEvent.Created(AT, Runs.spec()), Optional.empty(), epoch);
    }

    private void launched() {
        created();
        store.commit(run, epoch, 1, List.of(attemptDecided(1)), 0, List.of());
    }

    private RunEvent attemptDecided(int number) {
        return new RunEvent.AttemptDecided(AT,
                new AttemptLaunch(new AttemptKey(run, number), epoch, 2, 1, List.of("train"), Map.of(), 0),
                Runs.spec().training().recipe(), List.of());
    }

    private RunDecider.Command stop(String id) {
        return new RunDecider.Command(1, 0, new AgentCommand.Stop(id, epoch));
    }

    private Answer receive(long... seqs) {
        return store.receive(attempt, 0, List.of(), records(seqs), AT);
    }

    private static Answer.Accepted accepted(Answer answer) {
        assertThat(answer).isInstanceOf(Answer.Accepted.class);
        return (Answer.Accepted) answer;
    }

    private static List<AgentRecord> records(long... seqs) {
        return LongStream.of(seqs)
                .<AgentRecord>mapToObj(seq -> new AgentRecord.RankStarted(seq, AT, 0, 1))
                .toList();
    }
}

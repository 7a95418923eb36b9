package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.ResponsePolicy.Action;
import io.longhaul.monitor.ResponsePolicy.Context;
import io.longhaul.monitor.ResponsePolicy.Response;
import io.longhaul.monitor.ResponsePolicy.Steps;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponsePolicyTest {
    private static final List<Long> CHECKPOINTS = List.of(50L, 100L, 150L, 200L);

    private static Finding finding(Finding.Kind kind, long step) {
        return new Finding(kind, Instant.EPOCH, OptionalLong.of(step), OptionalInt.empty(), "", Map.of());
    }

    private static Context context(long lastStep, Optional<Steps> suspect, List<Steps> skipped, int restarts,
            boolean node) {
        return new Context(lastStep, CHECKPOINTS, suspect, skipped, restarts, 3, 8, node, 16);
    }

    private static Context context(int restarts, boolean node) {
        return context(207, Optional.empty(), List.of(), restarts, node);
    }

    @ParameterizedTest(name = "{0} after {1} restarts, free node {2}: {3} from {4}")
    @CsvSource({
            "SPIKE, 0, false, ROLL_BACK_AND_SKIP, 150",
            "NAN, 2, false, ROLL_BACK_AND_SKIP, 150",
            "SPIKE, 3, false, GIVE_UP,",
            "STALLED, 0, false, RESTART, 200",
            "EXITED, 2, true, RESTART, 200",
            "EXITED, 3, true, GIVE_UP,",
            "SLOW_RANK, 0, false, OBSERVE,",
            "SLOW_RANK, 0, true, RESTART, 200",
            "SLOW_RANK, 3, true, OBSERVE,",
            "RECOVERED, 3, true, OBSERVE,"})
    void decides(Finding.Kind kind, int restarts, boolean node, Action action, Long rollback) {
        Response response = ResponsePolicy.respond(finding(kind, 204), context(restarts, node));
        assertThat(response.action()).isEqualTo(action);
        assertThat(response.rollbackStep())
                .isEqualTo(rollback == null ? OptionalLong.empty() : OptionalLong.of(rollback));
    }

    @Test
    void skipsTheShardAndGoesBackBeforeIt() {
        Context context = context(166, Optional.of(new Steps(161, 176)), List.of(), 0, false);
        Response response = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 161), context);
        assertThat(response.skip()).contains(new Steps(161, 176));
        assertThat(response.rollbackStep()).hasValue(150);
        assertThat(response.inputs()).containsEntry("suspect samples", "256");
    }

    @Test
    void withoutAShardSkipsAMarginAndGoesBackBeforeIt() {
        Context context = context(166, Optional.empty(), List.of(), 0, false);
        Response response = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 155), context);
        assertThat(response.skip()).contains(new Steps(147, 174));
        assertThat(response.rollbackStep()).hasValue(100);
    }

    @Test
    void asksAPersonWhenSkippingDidNotHelp() {
        Context context = context(186, Optional.empty(), List.of(new Steps(161, 176)), 1, false);
        assertThat(ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 177), context).action())
                .isEqualTo(Action.GIVE_UP);
        assertThat(ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 186), context).action())
                .isEqualTo(Action.ROLL_BACK_AND_SKIP);
    }

    @Test
    void startsFromTheBeginningWithoutACheckpoint() {
        Context context = new Context(30, List.of(), Optional.empty(), List.of(), 0, 3, 8, false, 16);
        assertThat(ResponsePolicy.respond(finding(Finding.Kind.NAN, 3), context).rollbackStep()).hasValue(0);
        assertThat(ResponsePolicy.respond(finding(Finding.Kind.EXITED, 3), context).rollbackStep())
                .hasValue(0);
    }

    @Test
    void neverTrainsOnFromDamageAndAlwaysSaysWhyNotOtherwise() {
        for (long seed = 0; seed < 5000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            Finding.Kind kind = Finding.Kind.values()[random.nextInt(Finding.Kind.values().length)];
            long last = 1 + random.nextInt(300);
            long step = 1 + random.nextLong(last);
            List<Long> verified = new ArrayList<>();
            for (long at = 10; at <= last; at += 10 + random.nextInt(40)) {
                verified.add(at);
            }
            Context context = new Context(last, verified, Optional.empty(), List.of(), random.nextInt(5), 3,
                    random.nextInt(20), random.nextBoolean(), 16);
            Response response = ResponsePolicy.respond(finding(kind, step), context);
            if (kind != Finding.Kind.RECOVERED) {
                assertThat(response.alternatives()).as("seed %d", seed).isNotEmpty();
            }
            if (response.action() == Action.ROLL_BACK_AND_SKIP) {
                long rollback = response.rollbackStep().orElseThrow();
                Steps skip = response.skip().orElseThrow();
                assertThat(rollback).as("seed %d", seed).isLessThan(skip.from());
                assertThat(rollback == 0 || verified.contains(rollback)).as("seed %d", seed).isTrue();
                assertThat(skip.contains(step)).as("seed %d", seed).isTrue();
            }
            if (context.restarts() >= context.maxRestarts()) {
                assertThat(response.action()).as("seed %d", seed).isIn(Action.GIVE_UP, Action.OBSERVE);
            }
        }
    }
}

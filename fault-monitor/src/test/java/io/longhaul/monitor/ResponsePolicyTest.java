package io.longhaul.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.monitor.ResponsePolicy.Action;
import io.longhaul.monitor.ResponsePolicy.Context;
import io.longhaul.monitor.ResponsePolicy.Response;
import io.longhaul.monitor.ResponsePolicy.Steps;
import io.longhaul.monitor.ResponsePolicy.SuspectData;
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

    private static Context context(long lastStep, Optional<SuspectData> suspect) {
        return new Context(lastStep, CHECKPOINTS, suspect, 0, 3, 8);
    }

    @ParameterizedTest(name = "{0}: {1} from {2}")
    @CsvSource({
            "SPIKE, ROLL_BACK_AND_SKIP, 150",
            "NAN, ROLL_BACK_AND_SKIP, 150",
            "STALLED, RESTART, 200",
            "EXITED, RESTART, 200",
            "SLOW_RANK, OBSERVE,",
            "UNREACHABLE, OBSERVE,",
            "RECOVERED, OBSERVE,"})
    void decides(Finding.Kind kind, Action action, Long rollback) {
        Response response = ResponsePolicy.respond(finding(kind, 204), context(207, Optional.empty()));
        assertThat(response.action()).isEqualTo(action);
        assertThat(response.rollbackStep())
                .isEqualTo(rollback == null ? OptionalLong.empty() : OptionalLong.of(rollback));
        assertThat(response.skip().isPresent()).isEqualTo(action == Action.ROLL_BACK_AND_SKIP);
    }

    @Test
    void skipsTheShardAndGoesBackBeforeIt() {
        Context context = context(166, Optional.of(new SuspectData(new Steps(161, 176), Optional.of("s7"))));
        Response response = ResponsePolicy.respond(finding(Finding.Kind.SPIKE, 161), context);
        assertThat(response.skip()).contains(new Steps(161, 176));
        assertThat(response.rollbackStep()).hasValue(150);
        assertThat(response.inputs()).containsEntry("suspect data", "s7")
                .containsEntry("steps to redo", "16");
        assertThat(response.alternatives()).extracting(ResponsePolicy.Alternative::why)
                .contains("the damage began with shard s7, not with the optimizer");
    }

    @Test
    void withoutAShardSkipsAMarginAndGoesBackBeforeIt() {
        Response response = ResponsePolicy.respond(
                finding(Finding.Kind.SPIKE, 155), context(166, Optional.empty()));
        assertThat(response.skip()).contains(new Steps(147, 174));
        assertThat(response.rollbackStep()).hasValue(100);
    }

    @Test
    void startsFromTheBeginningWithoutACheckpoint() {
        Context context = new Context(30, List.of(), Optional.empty(), 0, 3, 8);
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
            Context context = new Context(
                    last, verified, Optional.empty(), random.nextInt(5), 3, random.nextInt(20));
            Response response = ResponsePolicy.respond(finding(kind, step), context);
            if (kind != Finding.Kind.RECOVERED) {
                assertThat(response.alternatives()).as("seed %d", seed).isNotEmpty();
            }
            if (response.action() == Action.ROLL_BACK_AND_SKIP) {
                long rollback = response.rollbackStep().orElseThrow();
                Steps skip = response.skip().orElseThrow();
                assertThat(rollback).as("seed %d", seed).isLessThan(skip.from());
                assertThat(rollback == 0 || verified.contains(rollback)).as("seed %d", seed).isTrue();
                assertThat(step).as("seed %d", seed).isBetween(skip.from(), skip.to());
            }
        }
    }
}

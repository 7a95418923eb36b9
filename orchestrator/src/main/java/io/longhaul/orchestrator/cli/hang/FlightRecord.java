package io.longhaul.orchestrator.cli.hang;

import io.longhaul.monitor.hang.RankState;
import io.longhaul.monitor.hang.RankState.Phase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One rank's dump of PyTorch's flight recorder of NCCL, in its JSON form: how far the rank is in the collectives of each
 * of its process groups.
 *
 * <p>A collective that was enqueued is entered as far as the program is concerned: what the others wait for is the rank
 * whose program has not come to it. The status of the groups says so; dumps without it are read from their entries.
 *
 * @param rank from the file's name, whose last number it is
 * @see <a href="https://docs.pytorch.org/tutorials/unstable/flight_recorder_tutorial.html">Flight Recorder</a>
 */
record FlightRecord(int rank, List<RankState> groups) {
    private static final Pattern LAST_NUMBER = Pattern.compile("(\\d{1,9})\\D*$");

    /** @throws UncheckedIOException if the file cannot be read */
    static Optional<FlightRecord> read(Path file) {
        Matcher name = LAST_NUMBER.matcher(file.getFileName().toString());
        if (!name.find()) {
            return Optional.empty();
        }
        int rank = Integer.parseInt(name.group(1));
        try {
            return of(rank, JsonMapper.builder().build().readTree(Files.readAllBytes(file)));
        } catch (JacksonException noJson) {
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    /** Empty if the dump tells of no collective. */
    static Optional<FlightRecord> of(int rank, JsonNode dump) {
        Map<Integer, long[]> groups = new TreeMap<>();
        dump.path("pg_status").properties().forEach(entry -> {
            JsonNode status = entry.getValue();
            note(groups, number(entry.getKey()), status.path("last_enqueued_collective").asLong(-1),
                    status.path("last_completed_collective").asLong(-1));
        });
        if (groups.isEmpty()) {
            for (JsonNode entry : dump.path("entries")) {
                long sequence = entry.path("collective_seq_id").asLong(-1);
                boolean done = entry.path("state").asString("").equals("completed");
                note(groups, entry.path("pg_id").asInt(-1), sequence, done ? sequence : -1);
            }
        }
        List<RankState> states = new ArrayList<>();
        groups.forEach((group, progress) -> states.add(
                new RankState(rank, group, progress[0], Math.min(progress[0], progress[1]),
                        progress[1] < progress[0] ? Phase.COLLECTIVE : Phase.UNKNOWN, true)));
        return states.isEmpty() ? Optional.empty() : Optional.of(new FlightRecord(rank, states));
    }

    private static void note(Map<Integer, long[]> groups, int group, long entered, long finished) {
        if (group >= 0 && entered >= 0) {
            long[] progress = groups.computeIfAbsent(group, g -> new long[]{-1, -1});
            progress[0] = Math.max(progress[0], entered);
            progress[1] = Math.max(progress[1], finished);
        }
    }

    private static int number(String text) {
        return text.matches("\\d{1,9}") ? Integer.parseInt(text) : -1;
    }
}

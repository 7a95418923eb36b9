package io.longhaul.monitor.hang;

import io.longhaul.monitor.hang.HangCause.Kind;
import io.longhaul.monitor.hang.RankState.Phase;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Whom a stopped job waits for.
 *
 * <p>Collectives end together, so the ranks that have not entered one that others of their group entered keep all of
 * them. They are blamed only as a minority of their group: if half of the ranks or more are missing, the programs
 * disagree, and who is right cannot be told from outside; half that has fallen silent disagrees with nobody, though. Groups
 * wait for one another: a rank that is missing because it waits in a collective of another group is not to blame, and the
 * group with the smallest minority is looked at first. A job of which nobody reports is not judged at all.
 */
public final class HangDiagnosis {
    private HangDiagnosis() {}

    /** @param ranks one state per rank and group, in any order */
    public static HangCause of(List<RankState> ranks) {
        if (ranks.isEmpty() || ranks.stream().noneMatch(RankState::reporting)) {
            return new HangCause(Kind.NO_TELEMETRY, List.of(),
                    "no rank reports, so that it is not known whether training has stopped");
        }
        Map<Integer, List<RankState>> groups = ranks.stream()
                .collect(Collectors.groupingBy(RankState::group, TreeMap::new, Collectors.toList()));
        Map<Integer, Set<Integer>> waits = ranks.stream()
                .filter(state -> state.finished() < state.entered())
                .collect(Collectors.groupingBy(RankState::rank,
                        Collectors.mapping(RankState::group, Collectors.toSet())));
        List<List<RankState>> minorities = new ArrayList<>();
        boolean disagree = false;
        for (List<RankState> group : groups.values()) {
            List<RankState> behind = behind(group);
            boolean silent = behind.stream().noneMatch(RankState::reporting);
            int doubled = 2 * behind.size();
            if (doubled > group.size() || doubled == group.size() && !silent) {
                disagree = true;
                continue;
            }
            List<RankState> roots = behind.stream().filter(state -> !waitsElsewhere(state, waits)).toList();
            if (!roots.isEmpty()) {
                minorities.add(roots);
            }
            // Ranks that wait for each other in two groups made their collectives in different orders.
            disagree |= roots.isEmpty() && !behind.isEmpty();
        }
        if (!minorities.isEmpty()) {
            return blamed(minorities.stream().min(Comparator.comparingInt(List::size)).orElseThrow());
        }
        if (disagree) {
            return new HangCause(Kind.MISMATCH, List.of(), "ranks of one group are in different collectives,"
                    + " and no minority explains it");
        }
        return together(ranks);
    }

    /** @param waits groups that ranks are in an unfinished collective of, by rank */
    private static boolean waitsElsewhere(RankState state, Map<Integer, Set<Integer>> waits) {
        return waits.getOrDefault(state.rank(), Set.of()).stream().anyMatch(group -> group != state.group());
    }

    /** Ranks that have not entered the newest collective of their group. */
    private static List<RankState> behind(List<RankState> group) {
        long newest = group.stream().mapToLong(RankState::entered).max().orElse(0);
        return group.stream().filter(r -> r.entered() < newest).toList();
    }

    private static HangCause blamed(List<RankState> behind) {
        List<Integer> ranks = behind.stream().map(RankState::rank).sorted().distinct().toList();
        String who = ranks.size() == 1 ? "rank " + ranks.getFirst() : "ranks " + ranks;
        if (behind.stream().noneMatch(RankState::reporting)) {
            return new HangCause(Kind.RANK_SILENT, ranks, who + " no longer reports, and the others wait");
        }
        Kind kind = all(behind, Phase.DATA)
                ? Kind.DATA_LOADER
                : all(behind, Phase.CHECKPOINT) ? Kind.CHECKPOINT : Kind.RANK_BEHIND;
        String what = switch (kind) {
            case DATA_LOADER -> " waits for data";
            case CHECKPOINT -> " is still in its checkpoint";
            default -> " has not entered the collective";
        };
        return new HangCause(kind, ranks, who + what + ", and the others wait");
    }

    /** Everybody is as far as the others. */
    private static HangCause together(List<RankState> ranks) {
        if (all(ranks, Phase.CHECKPOINT)) {
            return new HangCause(Kind.CHECKPOINT, List.of(),
                    "all ranks are in the checkpoint: look at the storage");
        }
        if (all(ranks, Phase.DATA)) {
            return new HangCause(Kind.DATA_LOADER, List.of(), "all ranks wait for data: look at its storage");
        }
        List<Integer> waiting = ranks.stream()
                .filter(r -> r.finished() < r.entered())
                .map(RankState::rank)
                .sorted()
                .distinct()
                .toList();
        if (waiting.isEmpty()) {
            return new HangCause(Kind.UNKNOWN, List.of(), "no rank waits for another");
        }
        boolean some = waiting.size() < ranks.stream().map(RankState::rank).distinct().count();
        return new HangCause(
                Kind.NETWORK, some ? waiting : List.of(),
                some
                        ? "all have entered the collective and it does not end for ranks " + waiting
                        : "all have entered the collective and it does not end: look at the network");
    }

    private static boolean all(List<RankState> ranks, Phase phase) {
        return ranks.stream().filter(RankState::reporting).allMatch(r -> r.phase() == phase);
    }
}

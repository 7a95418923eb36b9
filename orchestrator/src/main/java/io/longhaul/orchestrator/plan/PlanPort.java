package io.longhaul.orchestrator.plan;

import io.longhaul.orchestrator.run.RunSpec;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the run's life needs from planning. */
public interface PlanPort {

    /**
     * Plans the run; on "this machine" the machine is measured first, which takes seconds.
     *
     * @throws NoPlanException if nothing legal fits
     */
    PlannedRun plan(RunSpec spec);

    /** What every rank of an attempt is started with; a pure function of its arguments. */
    RankProcess rankProcess(RunSpec spec, PlannedRun plan, LaunchContext context);

    /**
     * @param command program and arguments; ranks differ by environment only
     * @param environment variables beyond the rank contract that the agent writes
     */
    record RankProcess(List<String> command, Map<String, String> environment) {
        public RankProcess {
            command = List.copyOf(command);
            // In the order in which they were put, so that the text of a plan is always the same.
            environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
        }
    }
}

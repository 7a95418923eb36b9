/** Planning of runs: from the wish to a costed plan, and from the plan to what a rank is started with. */
@NullMarked
package io.longhaul.orchestrator.plan;

import org.jspecify.annotations.NullMarked;

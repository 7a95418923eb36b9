/** Adaptation between attempts: a restartable job that turns a run's own curve into advice on its recipe. */
@NullMarked
package io.longhaul.orchestrator.adapt;

import org.jspecify.annotations.NullMarked;

@NullMarked
package io.longhaul.orchestrator.telemetry;

import org.jspecify.annotations.NullMarked;

@NullMarked
package io.longhaul.orchestrator.launch;

import org.jspecify.annotations.NullMarked;

@NullMarked
package io.longhaul.orchestrator.run;

import org.jspecify.annotations.NullMarked;

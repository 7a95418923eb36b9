/** Workers as processes of this machine. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.launch.local;

/** Workers as pods: an Indexed Job for each attempt. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.launch.kubernetes;

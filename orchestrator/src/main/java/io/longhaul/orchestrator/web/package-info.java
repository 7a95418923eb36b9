/** HTTP: the API of people and dashboards, the agents' channel, live updates. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.web;

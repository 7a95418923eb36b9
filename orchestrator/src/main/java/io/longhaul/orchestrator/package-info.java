/** The service process: wiring of the core, its stores, the backend and the web layer. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator;

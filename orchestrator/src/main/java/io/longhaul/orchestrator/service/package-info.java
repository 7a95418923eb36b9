/** The process around the core: its home directory, database and the threads that drive the runs. */
@org.jspecify.annotations.NullMarked
package io.longhaul.orchestrator.service;

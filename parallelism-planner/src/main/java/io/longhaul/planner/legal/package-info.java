/** What a framework version can run: rules read from files, the first one that a layout breaks, the nearest that breaks none. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.legal;

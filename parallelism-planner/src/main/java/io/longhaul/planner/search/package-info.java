/** Which layout is best. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.search;

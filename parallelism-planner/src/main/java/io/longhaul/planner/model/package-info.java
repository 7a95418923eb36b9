/** What is trained: shapes of models, their weights and FLOP. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.model;

/** Rules for rate, batch and weight decay of a run, each with its source, its domain and what the trainers are told. */
@org.jspecify.annotations.NullMarked
package io.longhaul.laws.rule;

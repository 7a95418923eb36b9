/**
 * Calculon's cost model and space (Isaev et al., SC23), told again in Java, so that two independent searches can be
 * held against each other on equal terms. The formulas and the tables of its A100 description are those of
 * calculon-ai/calculon at caa4b11f, without offload.
 */
@org.jspecify.annotations.NullMarked
package io.longhaul.bench.calculon;

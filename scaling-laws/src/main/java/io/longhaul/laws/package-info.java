/** Laws of pretraining: loss along a learning-rate schedule, fitted with uncertainty, and schedules chosen by them. */
@org.jspecify.annotations.NullMarked
package io.longhaul.laws;

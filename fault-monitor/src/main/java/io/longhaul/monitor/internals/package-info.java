/** What a model shows of itself beside its loss: activations, attention logits, the balance of experts. */
@org.jspecify.annotations.NullMarked
package io.longhaul.monitor.internals;

package io.longhaul.planner.memory;

/** What a rank's memory is for; the terms of a stage add up to what it needs. */
enum MemoryTerm {
    WEIGHTS("weights"), GATHERED_LAYERS("gathered layers"), GRADIENTS("gradients"), OPTIMIZER(
            "optimizer"), ACTIVATIONS("activations"), ONE_LAYER_AGAIN("one layer again"), LOGITS(
                    "logits"), ALLOCATOR("allocator"), RUNTIME("runtime");

    static final int COUNT = values().length;

    private final String label;

    MemoryTerm(String label) {
        this.label = label;
    }

    /** As people read it. */
    String label() {
        return label;
    }
}

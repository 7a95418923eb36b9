package io.longhaul.planner.cost;

/** What a step's time is spent on; the terms of a step add up to it. */
public enum Term {
    COMPUTE("compute"), HEAD("embedding and loss"), RECOMPUTE("recompute"), TENSOR(
            "tensor-parallel communication"), CONTEXT("context-parallel communication"), EXPERT(
                    "expert-parallel communication"), TRANSFER(
                            "pipeline transfers"), BUBBLE("pipeline bubble"), IMBALANCE(
                                    "stages of unequal work"), DATA("data-parallel communication"), OPTIMIZER(
                                            "optimizer"), OFFLOAD("offload"), OVERHEAD("everything else");

    private final String label;

    Term(String label) {
        this.label = label;
    }

    /** As people read it. */
    public String label() {
        return label;
    }
}

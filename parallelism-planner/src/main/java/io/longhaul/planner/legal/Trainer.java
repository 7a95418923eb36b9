package io.longhaul.planner.legal;

import java.util.List;

/** A framework that runs plans, with the name of its rules file. */
public enum Trainer {
    MEGATRON_LM("megatron-lm"),
    /** Megatron-DeepSpeed: DeepSpeed with the trainer of that fork. */
    DEEPSPEED("deepspeed"),
    /** Longhaul's own. */
    REFERENCE("reference");

    private final RuleFile file;

    Trainer(String name) {
        this.file = RuleFile.load(name);
    }

    RuleFile file() {
        return file;
    }

    /** Releases whose options and rules were examined, the oldest first. */
    public List<Version> versions() {
        return file.versions();
    }

    /** The newest of them. */
    public Version newest() {
        return file.versions().getLast();
    }
}

package io.longhaul.orchestrator.run;

final class InMemoryRunStoreTest extends RunStoreContract {
    @Override
    RunStore store() {
        return new InMemoryRunStore();
    }
}

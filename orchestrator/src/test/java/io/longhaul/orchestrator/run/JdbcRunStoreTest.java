package io.longhaul.orchestrator.run;

import io.longhaul.orchestrator.TestService;
import javax.sql.DataSource;

final class JdbcRunStoreTest extends RunStoreContract {
    private static final DataSource DATABASE = TestService.freshDatabase("run_store");

    @Override
    RunStore store() {
        return new JdbcRunStore(DATABASE);
    }
}

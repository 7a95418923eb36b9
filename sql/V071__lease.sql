-- Who leads, and until when by this server's clock nobody else may. Whoever takes the lease raises the epoch.
ALTER TABLE controller
    ADD COLUMN holder text NOT NULL DEFAULT '',
    ADD COLUMN until timestamptz NOT NULL DEFAULT '-infinity';

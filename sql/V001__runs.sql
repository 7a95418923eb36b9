-- Runs as append-only events; what agents said; commands on their way to agents.

-- One row: the newest controller. Every write checks its epoch against this row.
CREATE TABLE controller (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    bigint NOT NULL
);
INSERT INTO controller (epoch) VALUES (0);

CREATE TABLE run (
    id              uuid PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    idempotency_key text UNIQUE,
    last_event      bigint NOT NULL,
    cursor          bigint NOT NULL DEFAULT 0
);

-- json keeps the text as it is, jsonb would sort an incident's evidence.
CREATE TABLE run_event (
    run      uuid NOT NULL REFERENCES run,
    sequence bigint NOT NULL,
    at       timestamptz NOT NULL,
    body     json NOT NULL,
    PRIMARY KEY (run, sequence)
);

CREATE TABLE run_attempt (
    run     uuid NOT NULL REFERENCES run,
    attempt integer NOT NULL,
    ended   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run, attempt)
);

-- The last record stored of each agent: a batch that comes again adds nothing.
CREATE TABLE run_node (
    run      uuid NOT NULL,
    attempt  integer NOT NULL,
    node     integer NOT NULL,
    last_seq bigint NOT NULL,
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (run, attempt, node),
    FOREIGN KEY (run, attempt) REFERENCES run_attempt
);

-- The id rises in the order of commits within a run: writers of a run take its row's lock first.
CREATE TABLE agent_record (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     uuid NOT NULL,
    attempt integer NOT NULL,
    node    integer NOT NULL,
    seq     bigint NOT NULL,
    body    jsonb NOT NULL,
    UNIQUE (run, attempt, node, seq),
    FOREIGN KEY (run, attempt) REFERENCES run_attempt
);
CREATE INDEX agent_record_of_run ON agent_record (run, id);

CREATE TABLE agent_command (
    run          uuid NOT NULL,
    attempt      integer NOT NULL,
    node         integer NOT NULL,
    id           text NOT NULL,
    number       bigint GENERATED ALWAYS AS IDENTITY,
    body         jsonb NOT NULL,
    acknowledged boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run, attempt, node, id),
    FOREIGN KEY (run, attempt) REFERENCES run_attempt
);

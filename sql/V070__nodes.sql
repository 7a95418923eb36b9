-- What is remembered of machines over all runs: which were used, and what speaks for and against them.
CREATE TABLE node (
    name    text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

CREATE TABLE node_note (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node     text NOT NULL,
    at       timestamptz NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('blamed', 'avoided', 'forgiven')),
    weight   double precision, -- of a blame: 1 condemns
    until_at timestamptz,      -- of a person's wish to avoid it
    reason   text NOT NULL,
    run      uuid REFERENCES run
);
CREATE INDEX node_note_by_time ON node_note (at, id);

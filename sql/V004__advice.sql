-- Advice on the recipe before an attempt: what was asked, what came out. One per run and attempt.
CREATE TABLE advice (
    run      uuid NOT NULL REFERENCES run,
    attempt  integer NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    request  jsonb NOT NULL,
    outcome  jsonb,
    PRIMARY KEY (run, attempt)
);

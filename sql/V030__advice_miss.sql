-- How far the final losses of applied advice lay from what was predicted, for the width of later intervals.
CREATE TABLE advice_miss (
    run       uuid NOT NULL REFERENCES run,
    change    text NOT NULL,
    miss      double precision NOT NULL, -- measured minus predicted, in half widths of the 90 % interval
    scored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, change)
);

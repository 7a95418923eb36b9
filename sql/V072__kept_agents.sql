-- Agents that outlive the attempt that they were made for; nodes as ranges such as 0-3,7.
-- waiting: whose agents wait for the next attempt. kept: whose agents came from the attempt before.
ALTER TABLE run_attempt ADD COLUMN waiting text NOT NULL DEFAULT '', ADD COLUMN kept text NOT NULL DEFAULT '';

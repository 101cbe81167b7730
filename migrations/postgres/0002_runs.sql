-- Runs: one training each, from a frozen dataset to weights. A public table: the view of the log.
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    dataset_id TEXT NOT NULL,
    weights BYTEA NOT NULL,
    record TEXT NOT NULL,
    ended_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);
CREATE INDEX runs_weights ON runs (weights);
CREATE INDEX runs_dataset ON runs (dataset_id);

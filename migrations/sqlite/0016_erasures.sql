-- Erasure: that something private was erased, when and by whom, never what it said. `cleared_at` is NULL until the database's own files were
-- cleared of it too. And the bytes that no row names any more, until they are removed. Private.
CREATE TABLE erasures (
    about TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    by_account TEXT NOT NULL,
    at BIGINT NOT NULL,
    cleared_at BIGINT
);
CREATE INDEX erasures_uncleared ON erasures (at) WHERE cleared_at IS NULL;
CREATE TABLE blobs_due (
    blake3 BLOB PRIMARY KEY,
    since BIGINT NOT NULL
);

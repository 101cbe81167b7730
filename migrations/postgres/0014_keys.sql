-- Keys of accounts: public, made by the log alone.
CREATE TABLE account_keys (
    keyid TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    public_key TEXT NOT NULL,
    required BIGINT NOT NULL,
    replaces TEXT,
    added_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    ended_at BIGINT,
    ended_reason TEXT,
    ended_statement_id TEXT
);
CREATE INDEX account_keys_holder ON account_keys (holder, added_at);

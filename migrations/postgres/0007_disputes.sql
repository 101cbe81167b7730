-- Disputes on works, step by step, and notices. disputes and dispute_steps are public tables, the view of the log.
CREATE TABLE disputes (
    id TEXT PRIMARY KEY,
    work_id TEXT NOT NULL,
    ground TEXT NOT NULL,
    words TEXT NOT NULL,
    files TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    open BIGINT NOT NULL,
    due_at BIGINT,
    statement_id TEXT NOT NULL
);
CREATE INDEX disputes_work ON disputes (work_id);

CREATE TABLE dispute_steps (
    dispute_id TEXT NOT NULL,
    n BIGINT NOT NULL,
    work_id TEXT NOT NULL,
    step TEXT NOT NULL,
    words TEXT NOT NULL,
    files TEXT NOT NULL,
    ruling TEXT,
    by_name TEXT NOT NULL,
    at BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    PRIMARY KEY (dispute_id, n)
);

-- ---- private ---- account_id NULL: to the operators.
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    account_id TEXT,
    words TEXT NOT NULL,
    url TEXT NOT NULL,
    at BIGINT NOT NULL,
    seen_at BIGINT
);
CREATE INDEX notices_unseen ON notices (account_id) WHERE seen_at IS NULL;

-- The dispute from which an impact follows; NULL when a grant was revoked.
ALTER TABLE impacts ADD COLUMN dispute_id TEXT;

-- Registering many: works known by a hash alone, what a file itself says, opt-outs, and imports with a row for each work.

ALTER TABLE works ALTER COLUMN blake3 DROP NOT NULL;
ALTER TABLE works ALTER COLUMN size DROP NOT NULL;
ALTER TABLE works ADD COLUMN held BIGINT NOT NULL DEFAULT 1;
ALTER TABLE works ADD COLUMN creators TEXT NOT NULL DEFAULT '';
ALTER TABLE works ADD COLUMN rights_holder TEXT NOT NULL DEFAULT '';
ALTER TABLE works ADD COLUMN created TEXT NOT NULL DEFAULT '';
ALTER TABLE works ADD COLUMN published TEXT NOT NULL DEFAULT '';
ALTER TABLE works ADD COLUMN evidence_files TEXT NOT NULL DEFAULT '';
CREATE INDEX works_held ON works (id) WHERE held = 1;
CREATE INDEX works_registered_by ON works (registered_by, id);

-- licence: as declared; licence_concluded: what verdicts go by; detected, concluded: JSON or empty.
ALTER TABLE grants ADD COLUMN licence_concluded TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN detected TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN concluded TEXT NOT NULL DEFAULT '';
UPDATE grants SET licence_concluded = licence;

CREATE TABLE reservations (
    work_id TEXT NOT NULL,
    statement_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    signal TEXT NOT NULL,
    says TEXT NOT NULL,
    uses TEXT NOT NULL,
    place TEXT NOT NULL,
    seen TEXT NOT NULL,
    seen_sha256 BYTEA NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (work_id, statement_id, position)
);

-- ---- private ----

-- Works whose thumbnails are still to be made.
CREATE TABLE thumbnails_due (
    work_id TEXT PRIMARY KEY
);
INSERT INTO thumbnails_due SELECT w.id FROM works w LEFT JOIN work_thumbnails t ON t.work_id = w.id WHERE t.work_id IS NULL;

CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    name TEXT NOT NULL,
    place TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL,
    rows_done BIGINT NOT NULL,
    registered BIGINT NOT NULL,
    known BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    problem TEXT,
    leased_until BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX imports_state ON imports (state, created_at);
CREATE INDEX imports_account ON imports (account_id, created_at);

CREATE TABLE import_rows (
    import_id TEXT NOT NULL,
    n BIGINT NOT NULL,
    item TEXT NOT NULL,
    outcome TEXT NOT NULL,
    work_id TEXT,
    note TEXT NOT NULL,
    PRIMARY KEY (import_id, n)
);
CREATE INDEX import_rows_outcome ON import_rows (import_id, outcome, n);

-- Registering many: works known by a hash alone, what a file itself says, opt-outs, and imports with a row for each work.

CREATE TABLE works_wider (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    collection TEXT NOT NULL,
    item TEXT NOT NULL,
    source TEXT NOT NULL,
    package TEXT NOT NULL,
    style TEXT NOT NULL,
    colour TEXT,
    titles TEXT NOT NULL,
    tags TEXT NOT NULL,
    search TEXT NOT NULL,
    media_type TEXT NOT NULL,
    blake3 BLOB,
    sha256 BLOB NOT NULL,
    size BIGINT,
    held BIGINT NOT NULL,
    creators TEXT NOT NULL,
    rights_holder TEXT NOT NULL,
    created TEXT NOT NULL,
    published TEXT NOT NULL,
    evidence_files TEXT NOT NULL,
    registered_by TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);
INSERT INTO works_wider SELECT id, title, author, collection, item, source, package, style, colour, titles, tags, search, media_type,
    blake3, sha256, size, 1, '', '', '', '', '', registered_by, registered_at, statement_id FROM works;
DROP TABLE works;
ALTER TABLE works_wider RENAME TO works;
CREATE INDEX works_author ON works (author, id);
CREATE INDEX works_sha256 ON works (sha256);
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
    seen_sha256 BLOB NOT NULL,
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
) WITHOUT ROWID;
CREATE INDEX import_rows_outcome ON import_rows (import_id, outcome, n);

-- The loop: works, licences, models, images, the log, and who may do what.
-- Ids and states are TEXT, moments BIGINT (milliseconds since 1970, UTC), digests BLOB (32 bytes), lists and records JSON TEXT.

-- ---- public tables: the view of the log. `colophon rebuild` empties and refills exactly these. ----
CREATE TABLE works (
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
    blake3 BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    size BIGINT NOT NULL,
    registered_by TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);
CREATE INDEX works_author ON works (author, id);
CREATE INDEX works_sha256 ON works (sha256);

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    work_id TEXT NOT NULL,
    licence TEXT NOT NULL,
    licence_url TEXT NOT NULL,
    declared_by TEXT NOT NULL,
    evidence TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    revoked_at BIGINT,
    revoked_reason TEXT,
    statement_id TEXT NOT NULL,
    revoked_statement_id TEXT
);
CREATE INDEX grants_work ON grants (work_id);
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE datasets (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    root BLOB NOT NULL,
    works_count BIGINT NOT NULL,
    frozen_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);

CREATE TABLE dataset_works (
    dataset_id TEXT NOT NULL,
    work_id TEXT NOT NULL,
    PRIMARY KEY (dataset_id, work_id)
);
CREATE INDEX dataset_works_work ON dataset_works (work_id);

CREATE TABLE models (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    version TEXT NOT NULL,
    weights BLOB NOT NULL,
    card TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);
CREATE INDEX models_weights ON models (weights);

CREATE TABLE model_datasets (
    model_id TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    PRIMARY KEY (model_id, dataset_id)
);

CREATE TABLE bundles (
    sha256 BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    policies BIGINT NOT NULL,
    in_force_from BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);

CREATE TABLE images (
    id TEXT PRIMARY KEY,
    model_id TEXT NOT NULL,
    bundle BLOB NOT NULL,
    creator TEXT NOT NULL,
    format TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    blake3 BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    size BIGINT NOT NULL,
    pixels BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    commitment BLOB NOT NULL,
    replay TEXT NOT NULL,
    decision TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL
);
CREATE INDEX images_made ON images (made_at, id);
CREATE INDEX images_sha256 ON images (sha256);

-- nearness: RMS distance of 16×16 thumbnails to the picture, in millionths (0 the same, 1000000 black to white).
CREATE TABLE image_works (
    image_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    work_id TEXT NOT NULL,
    nearness BIGINT NOT NULL,
    PRIMARY KEY (image_id, position)
);
CREATE INDEX image_works_work ON image_works (work_id, image_id);

-- ---- the log ----
CREATE TABLE statements (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    idx BIGINT UNIQUE,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    bytes BLOB NOT NULL,
    staged_at BIGINT NOT NULL
);
CREATE INDEX statements_staged ON statements (seq) WHERE idx IS NULL;
CREATE INDEX statements_subject ON statements (subject, seq);

CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    n BIGINT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (level, n)
);

CREATE TABLE log_heads (
    size BIGINT PRIMARY KEY,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    published_at BIGINT NOT NULL
);

-- ---- private tables ----
CREATE TABLE instance (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE blobs (
    blake3 BLOB PRIMARY KEY,
    sha256 BLOB NOT NULL,
    size BIGINT NOT NULL,
    media_type TEXT NOT NULL,
    pack BLOB,
    pack_offset BIGINT
);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE setup_links (
    secret BLOB PRIMARY KEY,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX tokens_account ON tokens (account_id);

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    account_id TEXT,
    outcome TEXT NOT NULL,
    record TEXT NOT NULL,
    decided_at BIGINT NOT NULL
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    image_id TEXT,
    problem TEXT,
    attempts BIGINT NOT NULL,
    leased_until BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX jobs_state ON jobs (state, created_at);

CREATE TABLE prompts (
    image_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    negative TEXT NOT NULL,
    commitment_key BLOB NOT NULL,
    public BIGINT NOT NULL
);

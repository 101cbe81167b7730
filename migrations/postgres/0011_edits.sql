-- Edits: pictures made from pictures. An image has a parent (an image of this registry), what was done to it, and what people handed in for it;
-- one that no model drew has no model. `generation` counts the parents between an image and a work that one of them drew on.
ALTER TABLE images ALTER COLUMN model_id DROP NOT NULL;
ALTER TABLE images ADD COLUMN parent_id TEXT;
ALTER TABLE images ADD COLUMN edit TEXT;
ALTER TABLE images ADD COLUMN inputs TEXT;
CREATE INDEX images_parent ON images (parent_id, id);
ALTER TABLE image_works ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- What people handed in, and for which images it was used. Private: the log holds commitments only.
CREATE TABLE inputs (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    blake3 BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    rights TEXT NOT NULL,
    facts TEXT NOT NULL,
    handed_in_at BIGINT NOT NULL
);
CREATE INDEX inputs_account ON inputs (account_id, id);
CREATE TABLE image_inputs (
    image_id TEXT NOT NULL,
    role TEXT NOT NULL,
    input_id TEXT NOT NULL,
    PRIMARY KEY (image_id, role)
);

-- Pictures asked for together form a series, named by its first job; of those that wait the highest priority goes first.
ALTER TABLE jobs ADD COLUMN series TEXT;
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN started_at BIGINT;
CREATE INDEX jobs_account ON jobs (account_id, started_at);
CREATE INDEX jobs_image ON jobs (image_id);
CREATE INDEX jobs_series ON jobs (series, id);

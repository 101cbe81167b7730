-- What each work did for a picture, and the nearest of all works to it.
-- influence: the work's share in millionths of what the works together changed (leave one out). part: which part of the prompt it was
-- looked up for, from 0.
ALTER TABLE image_works ADD COLUMN influence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE image_works ADD COLUMN part BIGINT NOT NULL DEFAULT 0;
-- nearest: distance of the nearest registered work, drawn on or not, in millionths as in image_works.
ALTER TABLE images ADD COLUMN nearest_work TEXT;
ALTER TABLE images ADD COLUMN nearest BIGINT;
-- adapter: the model whose additions it was drawn with.
ALTER TABLE images ADD COLUMN adapter TEXT;
-- base: the model that an adapter adds to; NULL for a whole model.
ALTER TABLE models ADD COLUMN base TEXT;
ALTER TABLE models ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- Adapters' weights are looked up by the hash their model names.
CREATE INDEX blobs_sha256 ON blobs (sha256);

-- ---- derived from pictures, filled in when it is missing: no part of the log's view ----
-- 16×16 RGB.
CREATE TABLE work_thumbnails (
    work_id TEXT PRIMARY KEY,
    thumbnail BYTEA NOT NULL
);

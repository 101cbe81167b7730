-- Browsing and searching the log: whose deed each statement is, and the ways in by type, party, hash and model.
-- Those staged before have none here: it is read from their entries at the next start.
ALTER TABLE statements ADD COLUMN actor TEXT NOT NULL DEFAULT '';
CREATE INDEX statements_actor ON statements (actor, idx);
CREATE INDEX statements_kind ON statements (kind, idx);
CREATE INDEX works_blake3 ON works (blake3) WHERE blake3 IS NOT NULL;
CREATE INDEX images_blake3 ON images (blake3);
CREATE INDEX images_model ON images (model_id, id) WHERE model_id IS NOT NULL;
CREATE INDEX images_adapter ON images (adapter, id) WHERE adapter IS NOT NULL;

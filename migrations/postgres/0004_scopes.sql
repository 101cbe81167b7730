-- What a grant is limited to, as JSON; empty when nothing is.
ALTER TABLE grants ADD COLUMN scope TEXT NOT NULL DEFAULT '';

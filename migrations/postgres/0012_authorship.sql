-- Authorship. A person's certificate and key, with which they sign (private); what was proposed as the authorship of an image, with who signed so far
-- (private until everyone has); and what was agreed (public, from the log).
CREATE TABLE identities (
    account_id TEXT PRIMARY KEY,
    chain TEXT NOT NULL,
    secret TEXT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE TABLE proposals (
    id TEXT PRIMARY KEY,
    image_id TEXT NOT NULL,
    agreement TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX proposals_image ON proposals (image_id, id);
CREATE TABLE proposal_authors (
    proposal_id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (proposal_id, name)
);
CREATE INDEX proposal_authors_name ON proposal_authors (name, proposal_id);
CREATE TABLE agreements (
    id TEXT PRIMARY KEY,
    image_id TEXT NOT NULL,
    agreement TEXT NOT NULL,
    statement_id TEXT NOT NULL
);
CREATE INDEX agreements_image ON agreements (image_id, id);
CREATE INDEX images_creator ON images (creator, id);

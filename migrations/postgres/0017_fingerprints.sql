-- What pictures are found by: made from works and images, so not part of the log; in the order of their making, so that another
-- process sees what is new. Views are kept apart: they are looked at for a handful of candidates, not at start.
CREATE TABLE fingerprints (
    subject TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    fingerprints BYTEA NOT NULL
);
CREATE UNIQUE INDEX fingerprints_seq ON fingerprints (seq);

CREATE TABLE views (
    subject TEXT PRIMARY KEY,
    view BYTEA NOT NULL
);

-- Works and images whose fingerprints are to be made.
CREATE TABLE fingerprints_due (
    subject TEXT PRIMARY KEY
);
INSERT INTO fingerprints_due SELECT id FROM works WHERE held = 1;
INSERT INTO fingerprints_due SELECT id FROM images;

DROP TABLE work_thumbnails;
DROP TABLE thumbnails_due;

-- What an image was compared with before it was signed.
ALTER TABLE images ADD COLUMN compared TEXT;
-- Why a picture waits for its maker: the works that it is too near to.
ALTER TABLE jobs ADD COLUMN held TEXT;

-- Whether the image did not draw on the work, but came near to it and credits it.
ALTER TABLE image_works ADD COLUMN near BIGINT NOT NULL DEFAULT 0;

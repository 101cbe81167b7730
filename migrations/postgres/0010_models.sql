-- Which model a picture is asked of (the embedded one where there is none), so that a worker can take what it draws with; and how far a
-- picture is, as its worker last said, for pages of other processes.
ALTER TABLE jobs ADD COLUMN model TEXT;
ALTER TABLE jobs ADD COLUMN step BIGINT;
ALTER TABLE jobs ADD COLUMN steps BIGINT;

-- What stood on a work when its last grant was revoked: datasets, models and images by id.
CREATE TABLE impacts (
    work_id TEXT NOT NULL,
    about TEXT NOT NULL,
    since BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    PRIMARY KEY (about, work_id, statement_id)
);
CREATE INDEX impacts_work ON impacts (work_id);

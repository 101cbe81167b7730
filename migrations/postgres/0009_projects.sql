-- Projects of the Local Contexts Hub that a work was said to belong to, by id alone, until the Hub's answer was read. Private: what was read
-- is in a statement, what was asked for is not.
CREATE TABLE project_asks (
    work_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (work_id, project_id)
);

-- Who answers for a tradition, what they allow, and what a person looks at. A bundle may come into force more than once.
CREATE TABLE bundles_again (
    statement_id TEXT PRIMARY KEY,
    sha256 BYTEA NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    policies BIGINT NOT NULL,
    in_force_from BIGINT NOT NULL
);
INSERT INTO bundles_again (statement_id, sha256, name, version, policies, in_force_from)
    SELECT statement_id, sha256, name, version, policies, in_force_from FROM bundles;
DROP TABLE bundles;
ALTER TABLE bundles_again RENAME TO bundles;
CREATE INDEX bundles_sha256 ON bundles (sha256);

CREATE TABLE stewards (
    statement_id TEXT PRIMARY KEY,
    tradition TEXT NOT NULL,
    name TEXT NOT NULL,
    appointed_by TEXT NOT NULL,
    evidence TEXT NOT NULL,
    since BIGINT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT
);
CREATE INDEX stewards_tradition ON stewards (tradition);
CREATE INDEX stewards_name ON stewards (name);

CREATE TABLE consents (
    id TEXT PRIMARY KEY,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    about TEXT,
    uses TEXT NOT NULL,
    grantee TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    words TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    revoked_at BIGINT,
    revoked_by TEXT,
    revoked_reason TEXT,
    revocation_id TEXT
);
CREATE INDEX consents_grantee ON consents (grantee);
CREATE INDEX consents_policy ON consents (policy);

CREATE TABLE rulings (
    review_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    ruling TEXT NOT NULL,
    reason TEXT NOT NULL,
    by_name TEXT NOT NULL,
    as_role TEXT NOT NULL,
    at BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    PRIMARY KEY (review_id, rule)
);
CREATE INDEX rulings_policy ON rulings (policy);

-- Projects of the Local Contexts Hub that works belong to; the newest reading counts.
CREATE TABLE work_projects (
    work_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    record TEXT NOT NULL,
    at BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    PRIMARY KEY (work_id, project_id)
);

-- ---- private ---- Belonging to a people is nobody's business but theirs: it is in no statement.
CREATE TABLE memberships (
    tradition TEXT NOT NULL,
    account_id TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    ends_at BIGINT,
    PRIMARY KEY (tradition, account_id)
);

CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    decision_id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    closed_at BIGINT,
    job_id TEXT
);
CREATE INDEX reviews_open ON reviews (opened_at) WHERE state = 'open';
CREATE INDEX reviews_account ON reviews (account_id);

-- What was asked for, with the decision on it; and which policies a decision was about.
ALTER TABLE decisions ADD COLUMN request TEXT;
CREATE TABLE decision_policies (
    decision_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (decision_id, policy)
);
CREATE INDEX decision_policies_policy ON decision_policies (policy, outcome);

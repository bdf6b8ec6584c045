-- Pages are encrypted by SQLCipher; columns named `body`, `answer` and `secrets` are
-- sealed once more under the key of their patient or member of staff.
CREATE TABLE patient_key (
    patient  TEXT PRIMARY KEY,
    wrapped  BLOB NOT NULL
) STRICT;

CREATE TABLE resource (
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    version  INTEGER NOT NULL,
    patient  TEXT NOT NULL REFERENCES patient_key (patient),
    body     BLOB NOT NULL,
    PRIMARY KEY (kind, id, version)
) STRICT;
CREATE INDEX resource_of_patient ON resource (patient);

CREATE TABLE admission (
    study            TEXT PRIMARY KEY,
    patient          TEXT NOT NULL REFERENCES patient_key (patient),
    encounter        TEXT NOT NULL,
    service_request  TEXT NOT NULL,
    admitted_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX admission_by_time ON admission (admitted_at);

-- One line for each intake ever answered: who asked under which key for what.
CREATE TABLE intake (
    clerk    TEXT NOT NULL,
    key      BLOB NOT NULL,
    request  BLOB NOT NULL,
    study    TEXT NOT NULL REFERENCES admission (study),
    PRIMARY KEY (clerk, key)
) STRICT;

CREATE TABLE image (
    study         TEXT PRIMARY KEY REFERENCES admission (study),
    content_type  TEXT NOT NULL,
    body          BLOB NOT NULL
) STRICT;

CREATE TABLE diagnosis (
    study        TEXT PRIMARY KEY REFERENCES admission (study),
    observation  TEXT NOT NULL,
    report       TEXT NOT NULL,
    provenance   TEXT NOT NULL,
    answer       BLOB NOT NULL
) STRICT;

CREATE TABLE staff (
    id         TEXT PRIMARY KEY,
    name       BLOB NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    secrets    BLOB NOT NULL,
    totp_step  INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    token       BLOB PRIMARY KEY,
    staff       TEXT NOT NULL REFERENCES staff (id),
    jkt         TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX session_of_staff ON session (staff, used_at);

CREATE TABLE guess (
    name      BLOB PRIMARY KEY,
    attempts  INTEGER NOT NULL,
    until     INTEGER NOT NULL
) STRICT;

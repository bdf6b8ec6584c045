-- row: a resource's place in the order of storing. owner: the key of the patient under whose
-- key it is sealed, 0 for the institution's. how: 0 create, 1 update, 2 delete.
CREATE TABLE migration (number INTEGER PRIMARY KEY);

-- One row: changes so far, the next row, the root that buckets are wrapped under, and which
-- program made the index.
CREATE TABLE changes (
    one INTEGER PRIMARY KEY,
    serial INTEGER NOT NULL,
    next INTEGER NOT NULL,
    root INTEGER NOT NULL,
    indexer INTEGER NOT NULL
);

CREATE TABLE resource (
    tenant INTEGER NOT NULL,
    key INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    how INTEGER NOT NULL,
    row INTEGER, PRIMARY KEY (tenant, row)
);
CREATE UNIQUE INDEX resource_key ON resource (tenant, key);
CREATE INDEX resource_kind ON resource (tenant, kind, row);
CREATE INDEX resource_updated ON resource (tenant, updated, row, kind);

CREATE TABLE body (
    tenant INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    body BLOB NOT NULL,
    row INTEGER, PRIMARY KEY (tenant, row)
);

-- Versions that are not the newest any more; ended: when the next one came.
CREATE TABLE version (
    tenant INTEGER NOT NULL,
    row INTEGER NOT NULL,
    version INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    key INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    how INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, row, version)
);
CREATE INDEX version_updated ON version (tenant, updated, row);
CREATE INDEX version_owner ON version (tenant, owner);

CREATE TABLE term (
    tenant INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    term INTEGER NOT NULL,
    row INTEGER NOT NULL,
    system INTEGER NOT NULL,
    PRIMARY KEY (tenant, parameter, term, row, system)
) CLUSTERED;

CREATE TABLE span (
    tenant INTEGER NOT NULL,
    row INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    unit INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    PRIMARY KEY (tenant, row, parameter, unit, low, high)
) CLUSTERED;
CREATE INDEX span_low ON span (tenant, parameter, unit, low, high, row);

CREATE TABLE link (
    tenant INTEGER NOT NULL,
    row INTEGER NOT NULL,
    parameter INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (tenant, row, parameter, target)
) CLUSTERED;

CREATE TABLE compartment (
    tenant INTEGER NOT NULL,
    patient INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (tenant, patient, row)
) CLUSTERED;

-- A patient whose key is empty was erased.
CREATE TABLE patient_key (
    tenant INTEGER NOT NULL,
    patient INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, patient)
) CLUSTERED;
CREATE INDEX patient_key_bucket ON patient_key (tenant, bucket, patient);

CREATE TABLE bucket (
    tenant INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, bucket)
) CLUSTERED;

-- A blob whose digest is empty is still being written.
CREATE TABLE blob (
    tenant INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    digest BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (tenant, blob)
) CLUSTERED;
CREATE INDEX blob_digest ON blob (tenant, owner, digest);

CREATE TABLE part (
    tenant INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    part INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, blob, part)
);

INSERT INTO changes (one, serial, next, root, indexer) VALUES (1, 0, 1, 0, 0);

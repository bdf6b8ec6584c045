-- Refresh tokens by their digests. A line of them begins with a sign-in; when one that was
-- used before comes again, somebody copied it, and the whole line ends.
CREATE TABLE smart_refresh (
    token       BLOB PRIMARY KEY,
    family      BLOB NOT NULL,
    client      TEXT NOT NULL,
    staff       TEXT NOT NULL REFERENCES staff (id),
    scopes      TEXT NOT NULL,
    patient     TEXT,
    purpose     TEXT NOT NULL,
    jkt         TEXT,
    used        INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX smart_refresh_of_family ON smart_refresh (family);
CREATE INDEX smart_refresh_by_end ON smart_refresh (expires_at);

-- Assertions of applications that were used, until they would be over anyway.
CREATE TABLE smart_assertion (
    name        BLOB PRIMARY KEY,
    until       INTEGER NOT NULL
) STRICT;
CREATE INDEX smart_assertion_by_end ON smart_assertion (until);

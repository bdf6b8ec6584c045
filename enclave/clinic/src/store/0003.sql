-- Changes so far, counted in every one of them: the ledger learns the number, so that an
-- older copy of this file is noticed.
CREATE TABLE changes (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    serial INTEGER NOT NULL
) STRICT;
INSERT INTO changes (one, serial) VALUES (1, 0);

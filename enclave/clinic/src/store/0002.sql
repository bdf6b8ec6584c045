-- Images in parts, each sealed by itself, so that a large one is never in memory several
-- times over. What was stored whole is its own only part: a part is sealed for its number,
-- and a whole image was sealed for the number 1.
CREATE TABLE image_part (
    study  TEXT NOT NULL REFERENCES image (study),
    part   INTEGER NOT NULL,
    body   BLOB NOT NULL,
    PRIMARY KEY (study, part)
) STRICT;

ALTER TABLE image ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE image ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
-- 28 bytes of tag and nonce.
UPDATE image SET bytes = length(body) - 28;
INSERT INTO image_part (study, part, body) SELECT study, 1, body FROM image;
ALTER TABLE image DROP COLUMN body;

-- Version 2: an entry may say itself that it started when it was written, most do.

ALTER TABLE queue ADD COLUMN started INTEGER NOT NULL DEFAULT 0;

-- Version 1: everything that survives a restart.

-- Actions, packages, triggers and rules share one id space: `namespace/name` or `namespace/package/name`.
CREATE TABLE entities (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  namespace TEXT NOT NULL,
  -- Of a packaged action; else empty.
  package TEXT NOT NULL,
  -- 1 for a package that other namespaces may list: published, and no binding.
  public INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  document TEXT NOT NULL,
  -- The code of an action, so that it needs no escaping.
  code TEXT
) STRICT;
CREATE INDEX entities_by_update ON entities (namespace, type, updated);
CREATE INDEX entities_by_package ON entities (namespace, type, package, updated);

-- A record in two halves: what a list shows, and the rest. Logs come later; so that no row is rewritten, they have
-- their own.
CREATE TABLE activations (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  start INTEGER NOT NULL,
  -- By which filters find it; and by which, too, when it ran through a binding of another name.
  name TEXT NOT NULL,
  bound_name TEXT,
  summary TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX activations_by_id ON activations (id);
CREATE TABLE activation_logs (
  seq INTEGER PRIMARY KEY,
  logs TEXT NOT NULL
) STRICT;

-- The index of activations, in segments: see activation-index.ts. Only closed segments are here.
CREATE TABLE activation_segments (
  segment INTEGER PRIMARY KEY,
  -- Records that are still there.
  entries INTEGER NOT NULL,
  -- None of them starts before or after these.
  first_start INTEGER NOT NULL,
  last_start INTEGER NOT NULL
) STRICT;
CREATE TABLE activation_index (
  segment INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  -- Empty in the one entry that every record has beside those by name.
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (segment, namespace, name, start, seq)
) STRICT, WITHOUT ROWID;
-- How often each name is in a segment.
CREATE TABLE activation_counts (
  segment INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  entries INTEGER NOT NULL,
  first_start INTEGER NOT NULL,
  last_start INTEGER NOT NULL,
  PRIMARY KEY (segment, namespace, name)
) STRICT, WITHOUT ROWID;
-- One row: the segment that new records belong to. All before it are closed.
CREATE TABLE activation_open_segment (
  segment INTEGER NOT NULL
) STRICT;
INSERT INTO activation_open_segment VALUES (0);

-- Accepted activations without a record, in the order of acceptance.
CREATE TABLE queue (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  entry TEXT NOT NULL
) STRICT;
-- Apart from the entry, whose payload may be large.
CREATE TABLE queue_started (
  seq INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE subjects (
  subject TEXT PRIMARY KEY,
  blocked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE subject_namespaces (
  subject TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  uuid TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (subject, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_namespaces_by_key ON subject_namespaces (uuid, key);
CREATE INDEX subject_namespaces_by_name ON subject_namespaces (name, subject, position);
CREATE TABLE limits (
  namespace TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Feeds, schedules, gateway APIs, settings.
CREATE TABLE documents (
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_by_namespace ON documents (namespace, collection, id);

-- Checkpoints, and what entities and documents were before they changed: see undo.ts.
CREATE TABLE checkpoints (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  -- The last entry of `undo` when it was taken.
  undo_seq INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE undo (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace TEXT NOT NULL,
  -- Of a document; empty for an entity.
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  -- Null when there was none.
  document TEXT,
  code TEXT
) STRICT;
CREATE INDEX undo_by_id ON undo (namespace, collection, id, seq);

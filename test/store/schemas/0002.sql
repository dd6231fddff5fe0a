-- A store of schema version 2 with something of everything; written by version 0.1.0, never to be edited.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO entities VALUES(1,'guest/hello','action','guest','',0,1700000000000,'{"annotations":[],"entityType":"action","exec":{"binary":false,"kind":"nodejs:20"},"limits":{"concurrency":1,"logs":10,"memory":256,"timeout":60000},"name":"hello","namespace":"guest","parameters":[],"publish":false,"updated":1700000000000,"version":"0.0.2"}','function main(args) { return args }');
INSERT INTO entities VALUES(2,'guest/things/packaged','action','guest','things',0,1700000000000,'{"annotations":[],"entityType":"action","exec":{"binary":false,"kind":"nodejs:20"},"limits":{"concurrency":1,"logs":10,"memory":256,"timeout":60000},"name":"packaged","namespace":"guest/things","parameters":[],"publish":false,"updated":1700000000000,"version":"0.0.1"}','function main(args) { return args }');
INSERT INTO entities VALUES(3,'guest/things','package','guest','',1,1700000000000,'{"annotations":[],"entityType":"package","name":"things","namespace":"guest","parameters":[],"publish":true,"updated":1700000000000,"version":"0.0.1"}',NULL);
INSERT INTO entities VALUES(4,'guest/ring','trigger','guest','',0,1700000000000,'{"annotations":[],"entityType":"trigger","name":"ring","namespace":"guest","parameters":[],"publish":false,"rules":[["guest/when",{"action":{"name":"hello","path":"guest"},"status":"active"}]],"updated":1700000000000,"version":"0.0.1"}',NULL);
INSERT INTO entities VALUES(5,'guest/when','rule','guest','',0,1700000000000,'{"action":{"name":"hello","path":"guest"},"annotations":[],"entityType":"rule","name":"when","namespace":"guest","publish":false,"trigger":{"name":"ring","path":"guest"},"updated":1700000000000,"version":"0.0.1"}',NULL);
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
INSERT INTO activations VALUES(1,'018bcfe5680000000000000000000001','guest',1700000000000,'hello',NULL,'{"activationId":"018bcfe5680000000000000000000001","annotations":[{"key":"path","value":"guest/hello"},{"key":"waitTime","value":3},{"key":"kind","value":"nodejs:20"},{"key":"timeout","value":false},{"key":"limits","value":{"concurrency":1,"logs":10,"memory":256,"timeout":60000}}],"duration":12,"end":1700000000012,"name":"hello","namespace":"guest","publish":false,"start":1700000000000,"statusCode":0,"version":"0.0.1"}','{"duration":12,"result":{"ok":true},"size":11,"subject":"guest"}');
INSERT INTO activations VALUES(2,'018bcfe5680000000000000000000002','guest',1700000000000,'things/packaged',NULL,'{"activationId":"018bcfe5680000000000000000000002","annotations":[{"key":"path","value":"guest/things/packaged"}],"duration":12,"end":1700000000012,"name":"packaged","namespace":"guest","publish":false,"start":1700000000000,"statusCode":0,"version":"0.0.1"}','{"duration":12,"result":{"ok":true},"size":11,"subject":"guest"}');
CREATE TABLE activation_logs (
  seq INTEGER PRIMARY KEY,
  logs TEXT NOT NULL
) STRICT;
INSERT INTO activation_logs VALUES(1,'["a line"]');
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
CREATE TABLE activation_counts (
  segment INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  entries INTEGER NOT NULL,
  first_start INTEGER NOT NULL,
  last_start INTEGER NOT NULL,
  PRIMARY KEY (segment, namespace, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE activation_open_segment (
  segment INTEGER NOT NULL
) STRICT;
INSERT INTO activation_open_segment VALUES(0);
CREATE TABLE queue (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  entry TEXT NOT NULL
, started INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO queue VALUES(1,'ffffffffffffffffffffffffffffffff','guest','{"acceptedAt":1700000000000,"activationId":"ffffffffffffffffffffffffffffffff","entity":"guest/hello","identity":{"authkey":{"key":"123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP","uuid":"23bc46b1-71f6-4ed5-8c54-816aa4f8c502"},"limits":{},"namespace":{"name":"guest","uuid":"23bc46b1-71f6-4ed5-8c54-816aa4f8c502"},"subject":"guest"},"message":{"payload":{"name":"Ada"}},"transid":"sid_test","type":"action","version":"0.0.1"}',0);
INSERT INTO queue VALUES(2,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','guest','{"acceptedAt":1700000000000,"activationId":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","entity":"guest/hello","identity":{"authkey":{"key":"123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP","uuid":"23bc46b1-71f6-4ed5-8c54-816aa4f8c502"},"limits":{},"namespace":{"name":"guest","uuid":"23bc46b1-71f6-4ed5-8c54-816aa4f8c502"},"subject":"guest"},"message":{"payload":{"name":"Ada"}},"transid":"sid_test","type":"action","version":"0.0.1"}',1);
CREATE TABLE queue_started (
  seq INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE subjects (
  subject TEXT PRIMARY KEY,
  blocked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO subjects VALUES('guest',0);
CREATE TABLE subject_namespaces (
  subject TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  uuid TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (subject, position)
) STRICT, WITHOUT ROWID;
INSERT INTO subject_namespaces VALUES('guest',0,'guest','23bc46b1-71f6-4ed5-8c54-816aa4f8c502','123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP');
CREATE TABLE limits (
  namespace TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO limits VALUES('guest','{"invocationsPerMinute":7}');
CREATE TABLE documents (
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;
INSERT INTO documents VALUES('alarms','guest/ring','guest','{"cron":"* * * * *"}');
CREATE TABLE checkpoints (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  -- The last entry of `undo` when it was taken.
  undo_seq INTEGER NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;
INSERT INTO checkpoints VALUES('guest','clean',0);
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
INSERT INTO undo VALUES(1,'guest','','guest/hello','{"annotations":[],"entityType":"action","exec":{"binary":false,"kind":"nodejs:20"},"limits":{"concurrency":1,"logs":10,"memory":256,"timeout":60000},"name":"hello","namespace":"guest","parameters":[],"publish":false,"updated":1700000000000,"version":"0.0.1"}',replace('function main() {\n  return { it: ''works'' }\n}','\n',char(10)));
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('undo',1);
CREATE INDEX entities_by_update ON entities (namespace, type, updated);
CREATE INDEX entities_by_package ON entities (namespace, type, package, updated);
CREATE UNIQUE INDEX activations_by_id ON activations (id);
CREATE INDEX subject_namespaces_by_key ON subject_namespaces (uuid, key);
CREATE INDEX subject_namespaces_by_name ON subject_namespaces (name, subject, position);
CREATE INDEX documents_by_namespace ON documents (namespace, collection, id);
CREATE INDEX undo_by_id ON undo (namespace, collection, id, seq);
COMMIT;
PRAGMA application_id = 1331123019;
PRAGMA user_version = 2;

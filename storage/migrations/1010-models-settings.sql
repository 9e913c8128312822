-- compat 1000
-- Models and where they lie, settings that deviate from what lies below them, and what the program remembers of itself.

CREATE TABLE model(
  id TEXT PRIMARY KEY NOT NULL CHECK(id <> ''),  -- hash of header, tensor table and size: the same file anywhere is the same model
  name TEXT NOT NULL,
  architecture TEXT NOT NULL,
  bytes INTEGER NOT NULL CHECK(bytes >= 0),
  json TEXT,
  first_seen INTEGER NOT NULL,
  last_used INTEGER NOT NULL
) STRICT;

CREATE TABLE model_place(
  model_id TEXT NOT NULL REFERENCES model(id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  last_seen INTEGER NOT NULL,
  present INTEGER NOT NULL CHECK(present IN (0, 1)),
  PRIMARY KEY(model_id, path)
) STRICT;
CREATE INDEX model_place_by_path ON model_place(path);

CREATE TABLE setting(
  scope TEXT NOT NULL CHECK(scope IN ('person', 'model', 'conversation')),
  owner TEXT NOT NULL,          -- '' for the person, else the model's or the conversation's id
  key TEXT NOT NULL,
  value TEXT NOT NULL,          -- JSON
  PRIMARY KEY(scope, owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE app_state(
  key TEXT PRIMARY KEY NOT NULL,
  json TEXT NOT NULL            -- an object with "version"
) STRICT, WITHOUT ROWID;

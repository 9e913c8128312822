-- compat 1000
-- Conversations are trees of messages; a message is a list of typed parts. Ids are UUIDv7 (16 bytes), times UTC milliseconds.
-- JSON is checked before it gets here: with trusted_schema off a CHECK may not call SQLite's JSON functions.

CREATE TABLE schema_step(
  version INTEGER PRIMARY KEY,
  compat INTEGER NOT NULL,      -- builds that know this schema may still open the file
  applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE conversation(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  title TEXT NOT NULL DEFAULT '',
  title_by_person INTEGER NOT NULL DEFAULT 0 CHECK(title_by_person IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,  -- of the last question or answer, not of renaming or looking
  deleted_at INTEGER,
  current_leaf BLOB REFERENCES message(id) ON DELETE SET NULL
) STRICT;
CREATE INDEX conversation_by_update ON conversation(updated_at);
CREATE INDEX conversation_by_leaf ON conversation(current_leaf);

-- No cascade along parent_id: SQLite nests a trigger for each generation and stops at 1000.
CREATE TABLE message(
  id BLOB PRIMARY KEY NOT NULL CHECK(length(id) = 16),
  conversation_id BLOB NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
  parent_id BLOB,
  role TEXT NOT NULL CHECK(role IN ('system', 'user', 'assistant', 'tool')),
  state TEXT NOT NULL CHECK(state IN ('streaming', 'complete', 'stopped', 'interrupted', 'failed')),
  created_at INTEGER NOT NULL,
  finished_at INTEGER,
  deleted_at INTEGER,
  stop_reason TEXT,
  prompt_tokens INTEGER,
  cached_tokens INTEGER,
  think_tokens INTEGER,
  answer_tokens INTEGER,
  context_used INTEGER,
  context_size INTEGER,
  turns_left_out INTEGER,
  seed INTEGER,                 -- the 64 bits that were drawn with
  ttft_ms REAL,
  think_ms REAL,
  total_ms REAL,
  prompt_tps REAL,
  gen_tps REAL,
  snapshot TEXT,                -- JSON with "schema" and "version", see snapshot.h
  UNIQUE(conversation_id, id),
  FOREIGN KEY(conversation_id, parent_id) REFERENCES message(conversation_id, id)
) STRICT;
CREATE INDEX message_by_parent ON message(conversation_id, parent_id);
CREATE INDEX message_streaming ON message(state) WHERE state = 'streaming';

CREATE TABLE part(
  id INTEGER PRIMARY KEY,
  message_id BLOB NOT NULL REFERENCES message(id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK(seq >= 0),
  kind TEXT NOT NULL CHECK(kind IN ('text', 'think', 'answer', 'attachment', 'tool', 'error')),
  mime TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  json TEXT,
  tokens INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  UNIQUE(message_id, seq)
) STRICT;

-- What a streaming part has gained since its message began to stream: one row a flush, so that a flush costs what is
-- new and not what is there. Sealing moves it into part.text.
CREATE TABLE part_draft(
  part_id INTEGER NOT NULL REFERENCES part(id) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(part_id, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER part_text_is_final BEFORE UPDATE OF text ON part
WHEN (SELECT state FROM message WHERE id = OLD.message_id) <> 'streaming'
BEGIN
  SELECT RAISE(ABORT, 'the text of a finished message never changes');
END;

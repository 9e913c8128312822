#!/usr/bin/env python3
"""Makes schema-NNNN.db beside this file: a small database as the builds that knew schema NNNN as their newest wrote it.

    make_schema_fixtures.py NNNN [NNNN...]

Run once when a migration is added and committed with it. A fixture of a released schema is never made again: it stands for
the files that people have.
"""
import pathlib
import re
import sqlite3
import sys

HERE = pathlib.Path(__file__).resolve().parent
MIGRATIONS = HERE.parents[2] / "storage" / "migrations"
T0 = 1_800_000_000_000


def uid(n):
    return bytes.fromhex(f"{T0 + n:012x}7000800000000000{n:04x}")


def fill_conversations(db):
    conversation = "INSERT INTO conversation(id, title, title_by_person, created_at, updated_at, deleted_at) VALUES(?,?,?,?,?,?)"
    db.execute(conversation, (uid(1), "Two and two", 1, T0 + 1, T0 + 90, None))
    db.execute(conversation, (uid(2), "In the bin", 0, T0 + 2, T0 + 2, T0 + 50))
    db.execute(conversation, (uid(3), "Cut off", 0, T0 + 3, T0 + 80, None))
    message = "INSERT INTO message(id, conversation_id, parent_id, role, state, created_at, finished_at, snapshot, seed, gen_tps) VALUES(?,?,?,?,?,?,?,?,?,?)"
    snapshot = '{"schema":"lemma.answer","version":1,"model":{"id":"abc"},"settings":{"temperature":0.6}}'
    rows = [
        (10, 1, None, "user", "complete", None), (11, 1, 10, "assistant", "complete", snapshot), (12, 1, 10, "assistant", "stopped", snapshot),
        (13, 1, 12, "user", "complete", None), (14, 1, 13, "assistant", "failed", snapshot),
        (20, 2, None, "user", "complete", None), (21, 2, 20, "assistant", "interrupted", snapshot),
        (30, 3, None, "user", "complete", None), (31, 3, 30, "assistant", "streaming", snapshot),
    ]
    for n, owner, parent, role, state, snap in rows:
        answered = role == "assistant"
        db.execute(message, (uid(n), uid(owner), uid(parent) if parent else None, role, state, T0 + n, None if state == "streaming" else T0 + n + 5,
                             snap, -n if answered else None, 100.5 if answered else None))
    part = "INSERT INTO part(id, message_id, seq, kind, mime, text, tokens, started_at, ended_at) VALUES(?,?,?,?,?,?,?,?,?)"
    at = 0
    for n, owner, parent, role, state, snap in rows:
        texts = [("text", "text/plain", f"question {n} – 2+2?")] if role == "user" else [
            ("think", "text/markdown", f"thought {n}"), ("answer", "text/markdown", f"answer {n}: **4**\n" * (400 if n == 12 else 1))]
        if state == "failed":
            texts.append(("error", "text/plain", "The model file vanished."))
        for seq, (kind, mime, text) in enumerate(texts):
            at += 1
            db.execute(part, (at, uid(n), seq, kind, mime, text, len(text), T0 + n, T0 + n + 4))
    for i, text in enumerate((" and", " so on")):
        db.execute("INSERT INTO part_draft(part_id, n, text) VALUES(?,?,?)", (at, i + 1, text))
    for owner, leaf in ((1, 14), (2, 21), (3, 31)):
        db.execute("UPDATE conversation SET current_leaf = ? WHERE id = ?", (uid(leaf), uid(owner)))


def fill_models_settings(db):
    db.execute("INSERT INTO model(id, name, architecture, bytes, json, first_seen, last_used) VALUES('abc', 'Tiny', 'llama', 5, '{\"layers\":2}', ?, ?)", (T0, T0 + 9))
    db.execute("INSERT INTO model_place(model_id, path, last_seen, present) VALUES('abc', '/models/tiny.gguf', ?, 1)", (T0 + 9,))
    for scope, owner, key, value in (("person", "", "temperature", "0.3"), ("model", "abc", "think", '"high"'), ("model", "abc", "of_a_later_build", "[1]")):
        db.execute("INSERT INTO setting(scope, owner, key, value) VALUES(?,?,?,?)", (scope, owner, key, value))
    db.execute("INSERT INTO app_state(key, json) VALUES('last_conversation', '{\"version\":1,\"id\":\"x\"}')")


FILL = {1000: fill_conversations, 1010: fill_models_settings}


def make(newest):
    target = HERE / f"schema-{newest}.db"
    target.unlink(missing_ok=True)
    db = sqlite3.connect(target, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    for file in sorted(MIGRATIONS.glob("*.sql"), key=lambda f: int(f.name.split("-")[0])):
        version = int(file.name.split("-")[0])
        if version > newest:
            break
        sql = file.read_text()
        compat = int(re.match(r"-- compat (\d+)\n", sql)[1])
        db.executescript(sql)
        db.execute("INSERT INTO schema_step(version, compat, applied_at) VALUES(?,?,?)", (version, compat, T0))
        if version in FILL:
            FILL[version](db)
        db.execute("PRAGMA application_id=0x4C4D4D41")
        db.execute(f"PRAGMA user_version={version}")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not db.execute("PRAGMA foreign_key_check").fetchall()
    db.close()
    print(target.name, target.stat().st_size, "bytes")


for argument in sys.argv[1:]:
    make(int(argument))

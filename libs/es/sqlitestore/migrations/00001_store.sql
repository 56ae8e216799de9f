-- +goose Up
CREATE TABLE head (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    material INTEGER NOT NULL,
    time     INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    position INTEGER NOT NULL PRIMARY KEY,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    id       TEXT    NOT NULL UNIQUE,
    type     TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (stream, version)
) STRICT;

CREATE TABLE claims (
    scope  TEXT NOT NULL,
    value  TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (scope, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_holder ON claims (holder, scope);

CREATE TABLE inbox (
    key TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE material (
    key      TEXT    NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    sealed   BLOB    NOT NULL,
    kept     BLOB    NOT NULL,
    hint     TEXT    NOT NULL,
    erased   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX material_by_position ON material (position) WHERE position > 0;

CREATE TABLE idempotency (
    scope   TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    hash    BLOB    NOT NULL,
    token   TEXT    NOT NULL,
    status  INTEGER NOT NULL,
    header  TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    started INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_by_start ON idempotency (started);

CREATE TABLE views (
    id      TEXT    NOT NULL PRIMARY KEY,
    cursor  INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    touched INTEGER NOT NULL
) STRICT;

CREATE TABLE facts (
    shape  TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    source TEXT    NOT NULL,
    live   INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    PRIMARY KEY (shape, kind, id)
) STRICT;

CREATE TABLE cursors (
    subscriber TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    epoch      TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    touched    INTEGER NOT NULL,
    PRIMARY KEY (subscriber, source)
) STRICT;

CREATE TABLE parked (
    subscriber TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    event_id   TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    error      TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (subscriber, source, position)
) STRICT;

-- +goose Up
CREATE TABLE head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    material BIGINT NOT NULL,
    time BIGINT NOT NULL
);

CREATE TABLE events (
    position BIGINT NOT NULL PRIMARY KEY,
    stream TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    type TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    UNIQUE (stream, version)
);

CREATE TABLE claims (
    scope TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, value)
);
CREATE INDEX claims_by_holder ON claims (holder, scope);

CREATE TABLE inbox (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY
);

CREATE TABLE material (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    kept BYTEA NOT NULL,
    hint TEXT COLLATE "C" NOT NULL,
    erased BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX material_by_position ON material (position) WHERE position > 0;

CREATE TABLE idempotency (
    scope TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    header TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    started BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_start ON idempotency (started);

CREATE TABLE views (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    cursor BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    touched BIGINT NOT NULL
);

CREATE TABLE facts (
    shape TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    live BOOLEAN NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (shape, kind, id)
);

CREATE TABLE cursors (
    subscriber TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    epoch TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    PRIMARY KEY (subscriber, source)
);

CREATE TABLE parked (
    subscriber TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscriber, source, position)
);

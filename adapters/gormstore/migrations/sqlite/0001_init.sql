-- compatible: 1
-- Times are microseconds since 1970 in UTC. The numbers of events and
-- deliveries are their creation times, in nanoseconds, each of them once.

CREATE TABLE {meta} (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- By this the tables are known wherever they are moved to.
INSERT INTO {meta} (name, value) VALUES ('store_id', lower(hex(randomblob(16)))) ON CONFLICT (name) DO NOTHING;

CREATE TABLE {endpoints} (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  status INTEGER NOT NULL,
  status_reason TEXT NOT NULL,
  max_in_flight INTEGER NOT NULL,
  patterns TEXT NOT NULL,
  secrets TEXT NOT NULL,
  headers BLOB,
  metadata TEXT NOT NULL,
  retry TEXT NOT NULL,
  revision INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
);
CREATE INDEX {endpoints_by_tenant} ON {endpoints} (tenant, created_at, id);
CREATE INDEX {endpoints_by_age} ON {endpoints} (created_at, id);

CREATE TABLE {subscriptions} (
  tenant TEXT NOT NULL,
  pattern TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  PRIMARY KEY (tenant, pattern, endpoint_id)
);
CREATE INDEX {subscriptions_by_endpoint} ON {subscriptions} (endpoint_id);

CREATE TABLE {events} (
  seq INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  content_type TEXT NOT NULL,
  header TEXT,
  digest BLOB,
  body BLOB,
  body_purged INTEGER NOT NULL DEFAULT 0,
  span INTEGER NOT NULL,
  happened_at INTEGER,
  not_before INTEGER,
  not_after INTEGER
);
CREATE UNIQUE INDEX {events_by_id} ON {events} (tenant, id);
CREATE INDEX {events_by_tenant} ON {events} (tenant, seq);

CREATE TABLE {deliveries} (
  id INTEGER PRIMARY KEY,
  event_seq INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 1,
  hold INTEGER NOT NULL DEFAULT 0,
  token INTEGER NOT NULL DEFAULT 0,
  visible_at INTEGER NOT NULL,
  leased_until INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL,
  size INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  expiries INTEGER NOT NULL DEFAULT 0,
  interrupted INTEGER NOT NULL DEFAULT 0,
  last_status INTEGER NOT NULL DEFAULT 0,
  delivered_at INTEGER,
  apart INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  lost_tokens TEXT,
  -- As many bytes as the row grows by when it is delivered: SQLite overwrites a
  -- row that keeps its size where it stands, and its pages stay full.
  room BLOB DEFAULT x'000000000000000000000000'
);
CREATE INDEX {deliveries_queue} ON {deliveries} (endpoint_id, visible_at, id) WHERE state = 1;
CREATE INDEX {deliveries_by_endpoint} ON {deliveries} (endpoint_id, id);
CREATE INDEX {deliveries_apart} ON {deliveries} (apart) WHERE apart IS NOT NULL;

CREATE TABLE {attempts} (
  delivery_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER,
  duration INTEGER NOT NULL,
  status INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  code TEXT NOT NULL,
  error TEXT NOT NULL,
  detail TEXT NOT NULL,
  response_body BLOB,
  PRIMARY KEY (delivery_id, number)
);

CREATE TABLE {counts} (
  tenant TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  pending INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  PRIMARY KEY (tenant, endpoint_id)
);

CREATE TABLE {deltas} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  payload TEXT NOT NULL
);

CREATE TABLE {processes} (
  id TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

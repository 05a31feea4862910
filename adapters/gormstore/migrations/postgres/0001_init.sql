-- compatible: 1
-- Times are microseconds since 1970 in UTC. The numbers of events and
-- deliveries are their creation times, in nanoseconds, each of them once.

CREATE TABLE {meta} (
  name text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);

-- By this the tables are known wherever they are moved to.
INSERT INTO {meta} (name, value) VALUES ('store_id', replace(gen_random_uuid()::text, '-', '')) ON CONFLICT (name) DO NOTHING;

CREATE TABLE {endpoints} (
  id text COLLATE "C" PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  name text NOT NULL,
  url text NOT NULL,
  description text NOT NULL,
  status smallint NOT NULL,
  status_reason text NOT NULL,
  max_in_flight integer NOT NULL,
  patterns text NOT NULL,
  secrets text NOT NULL,
  headers bytea,
  metadata text NOT NULL,
  retry text NOT NULL,
  revision bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  deleted_at bigint
);
CREATE INDEX {endpoints_by_tenant} ON {endpoints} (tenant, created_at, id);
CREATE INDEX {endpoints_by_age} ON {endpoints} (created_at, id);

CREATE TABLE {subscriptions} (
  tenant text COLLATE "C" NOT NULL,
  pattern text COLLATE "C" NOT NULL,
  endpoint_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, pattern, endpoint_id)
);
CREATE INDEX {subscriptions_by_endpoint} ON {subscriptions} (endpoint_id);

CREATE SEQUENCE {numbers} CYCLE MINVALUE 0 MAXVALUE 999;

CREATE TABLE {events} (
  seq bigint PRIMARY KEY,
  tenant text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  content_type text NOT NULL,
  header text,
  digest bytea,
  body bytea,
  body_purged smallint NOT NULL DEFAULT 0,
  span integer NOT NULL,
  happened_at bigint,
  not_before bigint,
  not_after bigint
);
CREATE UNIQUE INDEX {events_by_id} ON {events} (tenant, id);
CREATE INDEX {events_by_tenant} ON {events} (tenant, seq);
ALTER TABLE {events}
  ALTER COLUMN seq SET STATISTICS 10,
  ALTER COLUMN tenant SET STATISTICS 10,
  ALTER COLUMN id SET STATISTICS 10;

CREATE TABLE {deliveries} (
  id bigint PRIMARY KEY,
  event_seq bigint NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  endpoint_id text COLLATE "C" NOT NULL,
  state smallint NOT NULL DEFAULT 1,
  hold smallint NOT NULL DEFAULT 0,
  token bigint NOT NULL DEFAULT 0,
  visible_at bigint NOT NULL,
  leased_until bigint NOT NULL DEFAULT 0,
  updated_at bigint NOT NULL,
  size integer NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  tries integer NOT NULL DEFAULT 0,
  expiries integer NOT NULL DEFAULT 0,
  interrupted integer NOT NULL DEFAULT 0,
  last_status integer NOT NULL DEFAULT 0,
  delivered_at bigint,
  apart bigint,
  reason text NOT NULL DEFAULT '',
  lost_tokens text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
CREATE INDEX {deliveries_queue} ON {deliveries} (endpoint_id, visible_at, id) WHERE state = 1;
CREATE INDEX {deliveries_by_endpoint} ON {deliveries} (endpoint_id, id);
CREATE INDEX {deliveries_apart} ON {deliveries} (apart) WHERE apart IS NOT NULL;
ALTER TABLE {deliveries}
  ALTER COLUMN id SET STATISTICS 10,
  ALTER COLUMN event_seq SET STATISTICS 10,
  ALTER COLUMN endpoint_id SET STATISTICS 10,
  ALTER COLUMN state SET STATISTICS 10,
  ALTER COLUMN visible_at SET STATISTICS 10,
  ALTER COLUMN leased_until SET STATISTICS 10,
  ALTER COLUMN apart SET STATISTICS 10;

CREATE TABLE {attempts} (
  delivery_id bigint NOT NULL,
  number integer NOT NULL,
  started_at bigint,
  duration bigint NOT NULL,
  status integer NOT NULL,
  truncated smallint NOT NULL,
  code text NOT NULL,
  error text NOT NULL,
  detail text NOT NULL,
  response_body bytea,
  PRIMARY KEY (delivery_id, number)
);
ALTER TABLE {attempts}
  ALTER COLUMN delivery_id SET STATISTICS 10,
  ALTER COLUMN number SET STATISTICS 10;

CREATE TABLE {counts} (
  tenant text COLLATE "C" NOT NULL,
  endpoint_id text COLLATE "C" NOT NULL,
  pending bigint NOT NULL,
  delivered bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  PRIMARY KEY (tenant, endpoint_id)
);

CREATE TABLE {deltas} (
  id bigserial PRIMARY KEY,
  payload text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE {processes} (
  id text COLLATE "C" PRIMARY KEY,
  fingerprint text NOT NULL,
  seen_at bigint NOT NULL,
  expires_at bigint NOT NULL
);

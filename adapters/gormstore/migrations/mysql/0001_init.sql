-- compatible: 1
-- Times are microseconds since 1970 in UTC. The numbers of events and
-- deliveries are their creation times, in nanoseconds, each of them once.
-- Names are binary strings: compared byte by byte, trailing spaces included.

CREATE TABLE {meta} (
  name varbinary(64) NOT NULL PRIMARY KEY,
  value text NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- By this the tables are known wherever they are moved to.
INSERT IGNORE INTO {meta} (name, value) VALUES ('store_id', UUID());

CREATE TABLE {endpoints} (
  id varbinary(64) NOT NULL PRIMARY KEY,
  tenant varbinary(255) NOT NULL,
  name text NOT NULL,
  url text NOT NULL,
  description mediumtext NOT NULL,
  status smallint NOT NULL,
  status_reason varbinary(64) NOT NULL,
  max_in_flight integer NOT NULL,
  patterns mediumtext NOT NULL,
  secrets mediumtext NOT NULL,
  headers mediumblob,
  metadata mediumtext NOT NULL,
  retry mediumtext NOT NULL,
  revision bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  deleted_at bigint,
  KEY {endpoints_by_tenant} (tenant, created_at, id),
  KEY {endpoints_by_age} (created_at, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {subscriptions} (
  tenant varbinary(255) NOT NULL,
  pattern varbinary(160) NOT NULL,
  endpoint_id varbinary(64) NOT NULL,
  PRIMARY KEY (tenant, pattern, endpoint_id),
  KEY {subscriptions_by_endpoint} (endpoint_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {events} (
  seq bigint NOT NULL PRIMARY KEY,
  tenant varbinary(255) NOT NULL,
  id varbinary(64) NOT NULL,
  type varbinary(128) NOT NULL,
  content_type text NOT NULL,
  header mediumtext,
  digest varbinary(32),
  body longblob,
  body_purged smallint NOT NULL DEFAULT 0,
  span integer NOT NULL,
  happened_at bigint,
  not_before bigint,
  not_after bigint,
  UNIQUE KEY {events_by_id} (tenant, id),
  KEY {events_by_tenant} (tenant, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {deliveries} (
  id bigint NOT NULL PRIMARY KEY,
  event_seq bigint NOT NULL,
  tenant varbinary(255) NOT NULL,
  endpoint_id varbinary(64) NOT NULL,
  state smallint NOT NULL DEFAULT 1,
  hold smallint NOT NULL DEFAULT 0,
  token bigint NOT NULL DEFAULT 0,
  visible_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  size integer NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  tries integer NOT NULL DEFAULT 0,
  expiries integer NOT NULL DEFAULT 0,
  interrupted integer NOT NULL DEFAULT 0,
  last_status integer NOT NULL DEFAULT 0,
  delivered_at bigint,
  apart bigint,
  reason varbinary(64) NOT NULL DEFAULT '',
  lost_tokens mediumtext,
  KEY {deliveries_queue} (state, endpoint_id, visible_at, id),
  KEY {deliveries_by_endpoint} (endpoint_id, id),
  KEY {deliveries_apart} (apart)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {attempts} (
  delivery_id bigint NOT NULL,
  number integer NOT NULL,
  started_at bigint,
  duration bigint NOT NULL,
  status integer NOT NULL,
  truncated smallint NOT NULL,
  code varbinary(64) NOT NULL,
  error mediumtext NOT NULL,
  detail mediumtext NOT NULL,
  response_body longblob,
  PRIMARY KEY (delivery_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {counts} (
  tenant varbinary(255) NOT NULL,
  endpoint_id varbinary(64) NOT NULL,
  pending bigint NOT NULL,
  delivered bigint NOT NULL,
  failed bigint NOT NULL,
  cancelled bigint NOT NULL,
  PRIMARY KEY (tenant, endpoint_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {deltas} (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payload mediumtext NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE {processes} (
  id varbinary(64) NOT NULL PRIMARY KEY,
  fingerprint mediumtext NOT NULL,
  seen_at bigint NOT NULL,
  expires_at bigint NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

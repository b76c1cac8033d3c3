#!/usr/bin/env bash
# Runs once, when the database cluster is made: our two roles and database, and those of Temporal.
set -euo pipefail

psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 \
  --set owner_password="$PAYSAGA_OWNER_PASSWORD" \
  --set app_password="$PAYSAGA_APP_PASSWORD" \
  --set temporal_password="$TEMPORAL_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE paysaga_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE paysaga_app LOGIN PASSWORD :'app_password';
CREATE DATABASE paysaga OWNER paysaga_owner;
REVOKE ALL ON DATABASE paysaga FROM PUBLIC;
GRANT CONNECT ON DATABASE paysaga TO paysaga_app;

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE temporal FROM PUBLIC;
REVOKE ALL ON DATABASE temporal_visibility FROM PUBLIC;
SQL

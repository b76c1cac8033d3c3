#!/bin/sh
# Both schemas of the Temporal server are at the version of this image; a repeat changes nothing.
# The password comes from SQL_PASSWORD.
set -eu

for database in temporal temporal_visibility; do
  case "$database" in
    temporal) folder=temporal ;;
    *) folder=visibility ;;
  esac
  set -- --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$database"
  temporal-sql-tool "$@" setup-schema --version 0.0
  temporal-sql-tool "$@" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/$folder/versioned"
done

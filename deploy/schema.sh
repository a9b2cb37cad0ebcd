#!/bin/sh
# Makes the server's two databases, or updates them. Safe to run again: only what is missing is done.
# Reads SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD; needs temporal-sql-tool, whose version is the schema's.
set -eu
export SQL_PLUGIN=postgres12

for part in temporal visibility; do
  SQL_DATABASE=temporal
  if [ "$part" = visibility ]; then SQL_DATABASE=temporal_visibility; fi
  export SQL_DATABASE
  temporal-sql-tool create-database
  temporal-sql-tool setup-schema --version 0.0
  temporal-sql-tool update-schema --schema-name "postgresql/v12/$part"
done

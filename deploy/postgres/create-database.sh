#!/bin/bash
# Runs once, in an empty cluster. The services must not be superusers: a superuser reads files and starts programs.
set -euo pipefail

psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$DATABASE_PASSWORD" --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
create role dromos login password :'password';
create database dromos owner dromos;
revoke connect on database dromos from public;
SQL

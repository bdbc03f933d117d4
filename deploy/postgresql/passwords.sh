#!/usr/bin/env bash
# Gives the roles of roles.sql that come in over the network their passwords; deploy/compose.yaml runs it once.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet \
    -v owner="${OWNER_PASSWORD:?}" -v app="${APP_PASSWORD:?}" <<'SQL'
ALTER ROLE loyalty_owner PASSWORD :'owner';
ALTER ROLE loyalty_app PASSWORD :'app';
SQL

-- The database and its four roles. Once, as a superuser:
--
--     psql -f deploy/postgresql/roles.sql
--
-- Then give each of them a password with \password, or let pg_hba.conf ask for a certificate. What they may do to the
-- tables comes with `loyalty db upgrade` (migrations/grants.py), anew each time.

-- Migrates, and nothing else connects as it.
CREATE ROLE loyalty_owner LOGIN;

-- The service. It adds to the ledger and changes nothing in it. Every request sets its own limits; these are for
-- whatever else should ever connect with this role.
CREATE ROLE loyalty_app LOGIN;
ALTER ROLE loyalty_app SET statement_timeout = '60s';
ALTER ROLE loyalty_app SET lock_timeout = '2s';
ALTER ROLE loyalty_app SET idle_in_transaction_session_timeout = '60s';

-- Reports and dashboards. It sees points, sales and rules, and nothing that says who a member is or that is a secret.
CREATE ROLE loyalty_reader LOGIN;
ALTER ROLE loyalty_reader SET default_transaction_read_only = on;
ALTER ROLE loyalty_reader SET statement_timeout = '5min';
ALTER ROLE loyalty_reader SET lock_timeout = '2s';
ALTER ROLE loyalty_reader SET idle_in_transaction_session_timeout = '60s';

-- Copies the whole server: base backups and the log (deploy/postgresql/backup). Whoever has it has everything.
CREATE ROLE loyalty_backup LOGIN REPLICATION;

CREATE DATABASE loyalty OWNER loyalty_owner;
REVOKE ALL ON DATABASE loyalty FROM PUBLIC;
GRANT CONNECT ON DATABASE loyalty TO loyalty_app, loyalty_reader;

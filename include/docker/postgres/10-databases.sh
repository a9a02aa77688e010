#!/bin/sh
# Runs once, when the data folder is empty: the databases, each with its owner, and the pipeline's roles.
# The schema itself is made by the `init` service (Alembic), as recsys_owner.
set -eu

role() {  # role NAME PASSWORD: psql quotes both
  psql --username postgres --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
SQL
}

database() {  # database NAME OWNER
  psql --username postgres --set ON_ERROR_STOP=1 --set name="$1" --set owner="$2" <<'SQL'
CREATE DATABASE :"name" OWNER :"owner";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

export PGPASSWORD="$POSTGRES_PASSWORD"
role airflow "$AIRFLOW_DB_PASSWORD"
role mlflow "$MLFLOW_DB_PASSWORD"
role recsys_owner "$RECSYS_OWNER_PASSWORD"
role recsys_writer "$RECSYS_DB_PASSWORD"
role recsys_reader "$RECSYS_READER_PASSWORD"
role recsys_availability "$RECSYS_AVAILABILITY_PASSWORD"

database airflow airflow
database mlflow mlflow
database recsys recsys_owner
psql --username postgres --set ON_ERROR_STOP=1 <<'SQL'
GRANT CONNECT, TEMPORARY ON DATABASE recsys TO recsys_writer;
GRANT CONNECT ON DATABASE recsys TO recsys_reader, recsys_availability;
ALTER ROLE recsys_reader IN DATABASE recsys SET search_path = recsys, public;
ALTER ROLE recsys_reader IN DATABASE recsys SET track_functions = 'pl';
SQL
psql --username postgres --dbname recsys --set ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- PostgreSQL lets everyone who may connect write large objects and take any advisory lock, a publication's too.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT p.oid::regprocedure AS signature, p.proname LIKE '%advisory%' AS locks
    FROM pg_proc AS p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^(lo_|lowrite|pg_(try_)?advisory_)'
      AND has_function_privilege('public', p.oid, 'EXECUTE')
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found.signature);
    IF found.locks THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO recsys_owner, recsys_writer', found.signature);
    END IF;
  END LOOP;
END $$;
SQL

#!/bin/sh
# The `init` service: the settings are read, so that a mistake stops `up` with its words; then Airflow's tables, the pipeline's schema, and the password of the UI's user `admin`.
set -eu
umask 077

recsys config check --settings-only
airflow db migrate
python -c 'import os; from recsys_tasks.database import migrate; migrate(os.environ["RECSYS_OWNER_URL"])'
# Airflow opens this file for writing, so it cannot be a read-only secret.
python -c 'import json, os; print(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))' \
  > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"

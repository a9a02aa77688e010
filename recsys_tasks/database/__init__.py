"""The only door to PostgreSQL: engines, the embedded server, migrations and Arrow loads.

A database URL carries a password: it is passed as an argument and never logged; `safe_url` is what
messages show.
"""

from recsys_tasks.database.addresses import database_url, owner_url, reader_url, urls
from recsys_tasks.database.arrow import ArrowSession, copy_arrow, load_arrow
from recsys_tasks.database.embedded import EmbeddedServer, has_server, is_running
from recsys_tasks.database.engine import create_engine, libpq_uri, quoted, safe_url, transaction
from recsys_tasks.database.locks import (
    gave_up_waiting,
    hold_lock,
    lock_key,
    take_lock,
    try_lock,
    waiting_for_rows,
)
from recsys_tasks.database.migrate import (
    current_revision,
    head_revision,
    migrate,
    require_migrated,
    schema_fault,
)
from recsys_tasks.database.priority import background_transaction, lower_session
from recsys_tasks.database.sharing import ServerUse

__all__ = [
    "ArrowSession",
    "EmbeddedServer",
    "ServerUse",
    "background_transaction",
    "copy_arrow",
    "create_engine",
    "current_revision",
    "database_url",
    "gave_up_waiting",
    "has_server",
    "head_revision",
    "hold_lock",
    "is_running",
    "libpq_uri",
    "load_arrow",
    "lock_key",
    "lower_session",
    "migrate",
    "owner_url",
    "quoted",
    "reader_url",
    "require_migrated",
    "safe_url",
    "schema_fault",
    "take_lock",
    "transaction",
    "try_lock",
    "urls",
    "waiting_for_rows",
]

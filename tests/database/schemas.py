"""The schema `recsys` made anew, as this version or an older one makes it, and all that it says.

`older/NNNN.sql` is what the older code ran at each of its revisions, views and functions included,
unchanged: homes with such schemas exist.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.database import create_engine, migrate

OLDER = Path(__file__).parent / "older"
REVISIONS = tuple(sorted(path.stem for path in OLDER.glob("*.sql")))

_STAMP = """
CREATE TABLE IF NOT EXISTS recsys.alembic_version (
  version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
);
"""
# One row a fact. Definitions as PostgreSQL tells them, so that white space does not matter.
_FACTS = """
SELECT 'relation', c.relname || ' ' || c.relkind::text || ' ' || c.relowner::regrole
FROM pg_class AS c
WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'S', 'i')
UNION ALL
SELECT 'column', concat_ws(' ', c.relname, a.attnum, a.attname,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
  col_description(c.oid, a.attnum))
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'S')
UNION ALL
SELECT 'view', c.relname || E'\n' || pg_get_viewdef(c.oid)
FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'v'
UNION ALL
SELECT 'function', pg_get_functiondef(p.oid)
FROM pg_proc AS p WHERE p.pronamespace = 'recsys'::regnamespace
UNION ALL
SELECT 'grant', concat_ws(' ', g.name, x.grantee::regrole, x.privilege_type)
FROM (
  SELECT c.relname AS name, coalesce(c.relacl, acldefault(
    CASE WHEN c.relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS rights
  FROM pg_class AS c
  WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'S')
  UNION ALL
  SELECT p.proname, coalesce(p.proacl, acldefault('f', p.proowner))
  FROM pg_proc AS p WHERE p.pronamespace = 'recsys'::regnamespace
) AS g
CROSS JOIN LATERAL aclexplode(g.rights) AS x
UNION ALL
SELECT 'comment', concat_ws(' ', c.relname, obj_description(c.oid, 'pg_class'))
FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace
UNION ALL
SELECT 'comment', concat_ws(' ', p.proname, obj_description(p.oid, 'pg_proc'))
FROM pg_proc AS p WHERE p.pronamespace = 'recsys'::regnamespace
UNION ALL
SELECT 'trigger', pg_get_triggerdef(t.oid)
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'recsys'::regnamespace
UNION ALL
SELECT 'index', i.indexdef FROM pg_indexes AS i WHERE i.schemaname = 'recsys'
UNION ALL
SELECT 'constraint', concat_ws(' ', t.conrelid::regclass, t.conname, pg_get_constraintdef(t.oid))
FROM pg_constraint AS t WHERE t.connamespace = 'recsys'::regnamespace
"""


def drop_schema(owner_url: str) -> None:
    """Nothing of the pipeline is left."""
    execute(owner_url, "DROP SCHEMA IF EXISTS recsys CASCADE")


def fresh_schema(owner_url: str) -> None:
    """The schema of this version, empty."""
    drop_schema(owner_url)
    migrate(owner_url)


def older_schema(owner_url: str, revision: str) -> None:
    """The schema as the older code made it, empty."""
    drop_schema(owner_url)
    wanted = [name for name in REVISIONS if name <= revision]
    scripts = [(OLDER / f"{name}.sql").read_text() for name in wanted]
    stamp = f"INSERT INTO recsys.alembic_version VALUES ('{revision}')"
    execute(owner_url, "CREATE SCHEMA recsys", _STAMP, *scripts, stamp)


def execute(url: str, *scripts: str) -> None:
    """Run scripts of any number of statements in one transaction."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for script in scripts:
            connection.connection.cursor().execute(script)
    engine.dispose()


def facts(owner_url: str) -> list[tuple[str, str]]:
    """Relations, columns, definitions, rights, comments, triggers, indexes and constraints."""
    engine = create_engine(owner_url)
    with engine.connect() as connection:
        connection.execute(sa.text("SET search_path = pg_catalog"))
        rows = connection.exec_driver_sql(_FACTS.replace("%", "%%")).all()
    engine.dispose()
    return sorted((kind, text) for kind, text in rows)

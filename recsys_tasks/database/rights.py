"""What the role of readers may do: what it was promised and lost, and what it has too much.

A promise is the grant in the file of a view or function: there is no second list. Rights are lost
by a REVOKE by hand, a view that somebody made again, a backup that was loaded without its roles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recsys_tasks.database.objects import read_objects, recorded_digests
from recsys_tasks.errors import offenders

READER = "recsys_reader"
_GRANT = re.compile(r"\bGRANT (?:SELECT|EXECUTE) ON (?:FUNCTION )?([\w., ]+) TO ([\w, ]+);")
_WRITES = "INSERT, UPDATE, DELETE, TRUNCATE"
_SCHEMA = sa.text("""
SELECT has_schema_privilege(r.oid, n.oid, 'USAGE') AS enters,
       has_schema_privilege(r.oid, n.oid, 'CREATE') AS creates, r.rolsuper AS super,
       ARRAY(SELECT m.roleid::regrole::text FROM pg_catalog.pg_auth_members AS m
             WHERE m.member = r.oid ORDER BY 1) AS groups
FROM pg_catalog.pg_namespace AS n CROSS JOIN pg_catalog.pg_roles AS r
WHERE n.nspname = 'recsys' AND r.rolname = :role
""")
_RELATIONS = sa.text("""
SELECT c.relname::text AS name, format('recsys.%I', c.relname) AS full_name,
       has_table_privilege(:role, c.oid, 'SELECT') AS used,
       has_table_privilege(:role, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(:role, c.oid, 'INSERT, UPDATE') AS written
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname
""")
_FUNCTIONS = sa.text("""
SELECT p.proname::text AS name, p.oid::regprocedure::text AS full_name,
       has_function_privilege(:role, p.oid, 'EXECUTE') AS used
FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'recsys'::regnamespace ORDER BY p.proname
""")


@dataclass(frozen=True)
class Right:
    """Something that readers were promised and lack, or have without a promise."""

    words: str
    name: str
    mended_by: str
    """The statement of the schema's owner; empty where the object itself is gone."""


@dataclass(frozen=True)
class WrongRights:
    """`lost` and `surplus` rights of the readers' role, and what it has surplus rights by besides
    grants: `groups` that it is a member of, and whether it is a superuser.
    """

    lost: tuple[Right, ...] = ()
    surplus: tuple[Right, ...] = ()
    groups: tuple[str, ...] = ()
    superuser: bool = False

    @property
    def number(self) -> int:
        """How many rights are wrong."""
        return len(self.lost) + len(self.surplus)

    @property
    def words(self) -> str:
        """What is wrong, by what readers cannot or can do; empty where nothing is."""
        told: dict[str, list[str]] = {}
        for right in (*self.lost, *self.surplus):
            told.setdefault(right.words, []).append(right.name)
        return "; ".join(f"{words} {offenders(names)}" for words, names in told.items())

    def remedy(self, *, embedded: bool) -> str:
        """What to run. `embedded`: on the embedded server, whose owner `recsys` knows."""
        by_hand = [f"REVOKE {group} FROM {READER}" for group in self.groups if self.surplus]
        by_hand += [f"ALTER ROLE {READER} NOSUPERUSER"] if self.superuser else []
        migrate = "recsys migrate"
        if not embedded:
            migrate = f"RECSYS_DATABASE_URL=URL_OF_THE_SCHEMA_OWNER {migrate}"
        first = f"as an administrator of the server: {'; '.join(by_hand)}; then: "
        return f"{first}{migrate}" if by_hand else migrate


def wrong_rights(connection: Connection) -> WrongRights:
    """What is wrong with the readers' rights, as far as the schema is this version's: views and
    functions that `recsys migrate` has yet to make are not looked for.
    """
    role = {"role": READER}
    schema = connection.execute(_SCHEMA, role).one_or_none()
    recorded = recorded_digests(connection)
    if schema is None or not recorded:
        return WrongRights()
    relations = connection.execute(_RELATIONS, role).all()
    functions = connection.execute(_FUNCTIONS, role).all()
    promised, older = _promised(recorded)
    there = {row.name for row in (*relations, *functions)}
    lost = [] if schema.enters else [_granted("SCHEMA", "recsys", "recsys")]
    lost += [
        _granted(kind, row.name, row.full_name)
        for kind, rows in (("TABLE", relations), ("FUNCTION", functions))
        for row in rows
        if row.name in promised and not row.used
    ]
    lost += [
        Right("readers miss", name, "")
        for name, must_exist in promised.items()
        if must_exist and name not in there
    ]
    surplus = [_revoked("SCHEMA", "recsys", "recsys")] if schema.creates else []
    surplus += [_revoked("TABLE", row.name, row.full_name) for row in relations if row.written]
    surplus += [
        _revoked("FUNCTION", row.name, row.full_name)
        for row in functions
        if row.used and row.name not in promised and row.name not in older
    ]
    return WrongRights(tuple(lost), tuple(surplus), tuple(schema.groups), schema.super)


def mend_rights(connection: Connection) -> tuple[str, ...]:
    """Give readers what they were promised and take what they were not, as the schema's owner; the
    names of what was wrong. What only an administrator may change stays.
    """
    found = wrong_rights(connection)
    names = []
    for right in (*found.lost, *found.surplus):
        # Of somebody else's table, or by a group: `wrong_rights` tells of it again.
        with suppress(psycopg.errors.InsufficientPrivilege), connection.begin_nested():
            if right.mended_by:
                connection.connection.cursor().execute(right.mended_by)
                names.append(right.name)
    return tuple(names)


def _promised(recorded: Mapping[str, str]) -> tuple[dict[str, bool], set[str]]:
    """Name of each view and function that readers were granted → whether it must be there: those
    that a function makes need not. And the names of objects that are not as their files say, of
    which nothing is known.
    """
    objects = read_objects()
    older = {
        name
        for name, digest in recorded.items()
        if name not in objects or objects[name].digest != digest
    }
    found: dict[str, bool] = {}
    for name in sorted(set(recorded) - older):
        found |= {granted: granted == name for granted in _granted_in(objects[name].statements)}
    return found, older


def _granted_in(statements: str) -> Iterator[str]:
    for objects, roles in _GRANT.findall(statements):
        if READER in _listed(roles):
            yield from (name.removeprefix("recsys.") for name in _listed(objects))


def _listed(text: str) -> Iterable[str]:
    return [part.strip() for part in text.split(",")]


def _granted(kind: str, name: str, full: str) -> Right:
    words, right = {
        "SCHEMA": ("readers cannot enter the schema", "USAGE"),
        "TABLE": ("readers cannot read", "SELECT"),
        "FUNCTION": ("readers cannot call", "EXECUTE"),
    }[kind]
    return Right(words, name, f"GRANT {right} ON {kind} {full} TO {READER}")


def _revoked(kind: str, name: str, full: str) -> Right:
    words, right = {
        "SCHEMA": ("readers may make tables in the schema", "CREATE"),
        "TABLE": ("readers may write", _WRITES),
        "FUNCTION": ("readers may call", "EXECUTE"),
    }[kind]
    return Right(words, name, f"REVOKE {right} ON {kind} {full} FROM {READER}, PUBLIC")

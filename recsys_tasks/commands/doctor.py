"""Is this machine fit to run a night? One finding a line."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version

from recsys_tasks.commands.doctor_database import clocks, rights, schema
from recsys_tasks.commands.doctor_services import Finding, by_settings, lake, registry
from recsys_tasks.config import Environment, load_config
from recsys_tasks.errors import RecsysError

MIN_FREE_GB = 5


def examine(environment: Environment) -> Iterator[Finding]:
    """Python, libraries, disk, lake, settings and what they name, databases, each as a finding."""
    ok = sys.version_info[:2] == (3, 11)
    yield Finding(
        ok, f"Python {sys.version.split()[0]}" + ("" if ok else ": Nightshelf needs 3.11")
    )
    yield _openmp()
    yield _scann_and_tensorflow()
    yield _disk(environment)
    yield lake(environment)
    yield _settings(environment)
    yield from by_settings(environment)
    yield from _database(environment)


def examine_deeply(environment: Environment) -> Iterator[Finding]:
    """The whole lake, read: keys that changed their user or item, and what was made with them."""
    from recsys_tasks.commands.key_check import examine_keys
    from recsys_tasks.commands.repair_ids import rebuild
    from recsys_tasks.lake import Lake

    try:
        damage = examine_keys(Lake(environment.lake, cache=environment.home / "lake-cache"))
    except RecsysError as error:
        yield Finding(False, f"keys: {error}")
        return
    if damage.is_none:
        yield Finding(True, "every key of maps, snapshots and events names whom it was given to")
        return
    for words in damage.words:
        yield Finding(False, words)
    commands = "; ".join(["recsys repair-ids", *rebuild(damage)])
    yield Finding(False, f"to rebuild it: {commands}")


def _openmp() -> Finding:
    found = ctypes.util.find_library("gomp")
    words = (
        f"OpenMP runtime {found}"
        if found
        else "libgomp.so.1 is missing, LightGBM needs it: apt-get install libgomp1"
    )
    return Finding(found is not None, words)


def _scann_and_tensorflow() -> Finding:
    try:
        tensorflow, scann = version("tensorflow"), version("scann")
    except PackageNotFoundError as error:
        return Finding(False, f"{error.name} is not installed: make setup")
    fits = tensorflow.startswith("2.20.")
    words = f"tensorflow {tensorflow}, scann {scann}"
    return Finding(
        fits, words if fits else words + ": scann 1.4.2 is built against TensorFlow 2.20"
    )


def _disk(environment: Environment) -> Finding:
    folder = environment.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    writable = os.access(folder, os.W_OK)
    words = f"{environment.home}: {free:.0f} GB free" + ("" if writable else ", not writable")
    return Finding(free >= MIN_FREE_GB and writable, words)


def _settings(environment: Environment) -> Finding:
    try:
        config = load_config(environment.config_path)
    except RecsysError as error:
        return Finding(False, f"{environment.config_path}: {error}")
    return Finding(True, f"{environment.config_path}: project {config.project}")


def _database(environment: Environment) -> Iterator[Finding]:
    from recsys_tasks.database import create_engine, database_url, safe_url
    from recsys_tasks.serving.vectors import require_pgvector
    from recsys_tasks.stages.night import local_environment

    try:
        with (
            nullcontext(environment) if environment.database_url else local_environment() as running
        ):
            url = database_url(running)
            engine = create_engine(url)
            engine.connect().close()
            yield Finding(True, f"database {safe_url(url)}")
            if _publishes_vectors(environment):
                require_pgvector(engine)
            engine.dispose()
            yield schema(running)
            yield rights(running)
            yield clocks(running)
            yield registry(running)
    except RecsysError as error:
        yield Finding(False, f"database: {error}")
        if environment.database_url:
            yield registry(environment)


def _publishes_vectors(environment: Environment) -> bool:
    try:
        return load_config(environment.config_path).embeddings.publish
    except RecsysError:
        return False  # a finding of its own says so

"""Reading and checking the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from recsys_tasks.config.mistakes import mistake_words, read_yaml, refuse_unstorable
from recsys_tasks.config.root import Config
from recsys_tasks.errors import ConfigError


def load_config(path: Path) -> Config:
    """Read and check the settings file. Raises ConfigError with every mistake at once."""
    config = parse_config(read_settings(path), where=str(path))
    return config.read_in(path.resolve().parent)


def read_settings(path: Path) -> Any:
    """The settings file as YAML has it, unchecked. Raises ConfigError when it cannot be read."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            expected="a settings file",
            found="no such file",
            where=str(path),
            remedy="set RECSYS_CONFIG, or copy include/recsys.yaml",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            expected="a settings file that this user may read, as UTF-8 text",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="correct its rights or its encoding, or set RECSYS_CONFIG to another file",
        ) from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # a date of 30 February is a ValueError
        deep = isinstance(error, RecursionError)
        raise ConfigError(
            expected="valid YAML, each setting once",
            found=(
                "values nested so deep that nobody can mean it"
                if deep
                else str(error).replace("\n", " ")
            ),
            where=str(path),
            remedy="fix the line or the value named above",
        ) from error


def parse_config(raw: Any, where: str = "settings") -> Config:
    """Check a settings mapping. Raises ConfigError with every mistake at once."""
    refuse_unstorable(raw, where)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {mistake_words(e)}"
            for e in error.errors()
        ]
        raise ConfigError(
            expected="settings as documented in include/recsys.yaml",
            found=f"{len(mistakes)} mistake(s): " + "; ".join(mistakes),
            where=where,
            remedy="correct each of them; `recsys config check` shows what will run",
        ) from error

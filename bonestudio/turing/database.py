"""How the database of studies is opened, and the key beside it that seals the logs."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from bonestudio.errors import StorageError
from bonestudio.turing.tables import Base


def default_url() -> str:
    """Return the address of the embedded database, in the user's data folder."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return f"sqlite:///{Path(base) / 'bonestudio' / 'studies.db'}"


def load_key(database: str | None) -> bytes:
    """Read the key that seals the log; made once, kept beside an SQLite file, readable by its owner."""
    if given := os.environ.get("BONESTUDIO_STUDY_KEY"):
        return hashlib.sha256(given.encode()).digest()
    path = Path(database or default_url().removeprefix("sqlite:///")).with_suffix(".key")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"The key of the studies cannot be kept at {path.parent}: {error.strerror}."
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def open_engine(url: Any) -> Engine:
    """Connect, and make the tables where there are none."""
    if url.drivername.startswith("postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        Base.metadata.create_all(engine)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise StorageError(f"The study database cannot be opened: {reason}.") from error
    return engine


def _begin_sqlite(connection: Any) -> None:
    """Take the writer's lock at once, so that two writers queue; who only looks needs none (WAL)."""
    looking = connection.get_execution_options().get("looking")
    connection.execute(text("BEGIN" if looking else "BEGIN IMMEDIATE"))


def _set_up_sqlite(connection: Any, _: Any) -> None:
    """WAL, so that readers and writers don't wait; FULL, so that an answer survives a power cut."""
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, not by guesswork
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=20000"):
        connection.execute(f"PRAGMA {pragma}")

"""The tables of the store; the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables."""


class StudyRow(Base):
    """A study; its row is locked while its log grows, so the chain never forks."""

    __tablename__ = "study"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    protocol: Mapped[dict[str, Any]] = mapped_column(JSON)
    protocol_hash: Mapped[str] = mapped_column(String(64))
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    unblinded: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    head: Mapped[str] = mapped_column(String(64), default="")
    """Seal of the log's length and last line, so that lines cut off its end are missed too."""


class ImageRow(Base):
    """The exact bytes that a browser gets."""

    __tablename__ = "image"
    study: Mapped[str] = mapped_column(ForeignKey("study.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    png: Mapped[bytes] = mapped_column(LargeBinary)


class ReaderRow(Base):
    """A reader of a study. The link's token is kept only as its SHA-256."""

    __tablename__ = "reader"
    __table_args__ = (UniqueConstraint("study", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    study: Mapped[str] = mapped_column(ForeignKey("study.id"))
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)


class SlotRow(Base):
    """One showing of an item to a reader, in order; ``key`` is all that the browser knows of it."""

    __tablename__ = "slot"
    __table_args__ = (UniqueConstraint("reader", "round", "position"),)
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    reader: Mapped[int] = mapped_column(ForeignKey("reader.id"), index=True)
    round: Mapped[int]
    position: Mapped[int]
    item: Mapped[str] = mapped_column(String(64))
    practice: Mapped[bool]
    repeat: Mapped[bool]
    swapped: Mapped[bool]


class AnswerRow(Base):
    """An answer; its primary key is the slot, so a slot cannot be answered twice."""

    __tablename__ = "answer"
    slot: Mapped[str] = mapped_column(ForeignKey("slot.key"), primary_key=True)
    choice: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[int | None]
    milliseconds: Mapped[int]
    looked: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class EventRow(Base):
    """The log of a study: append-only, each line bound to the one before."""

    __tablename__ = "event"
    study: Mapped[str] = mapped_column(ForeignKey("study.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[str] = mapped_column(String(40))
    seal: Mapped[str] = mapped_column(String(64))

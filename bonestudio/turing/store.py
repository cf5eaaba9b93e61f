"""Where studies live: SQLite in a file by default, PostgreSQL by ``BONESTUDIO_DATABASE_URL``."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from bonestudio.errors import StorageError, StudyError
from bonestudio.turing import database, log
from bonestudio.turing.audit import LIMIT
from bonestudio.turing.order import order_items
from bonestudio.turing.protocol import Protocol
from bonestudio.turing.tables import AnswerRow, ImageRow, ReaderRow, SlotRow, StudyRow, now


@dataclass(frozen=True)
class Progress:
    """How far a reader is; nothing of what was answered."""

    reader: str
    round: int
    answered: int
    total: int


@dataclass(frozen=True)
class StudySummary:
    """A line of the list of studies."""

    id: str
    title: str
    kind: str
    protocol_hash: str
    unblinded: bool
    progress: tuple[Progress, ...]


class Store:
    """All studies of one database. Every method is one transaction: all of it or nothing."""

    def __init__(self, url: str | None = None, *, key: bytes | None = None) -> None:
        self.url = make_url(
            url or os.environ.get("BONESTUDIO_DATABASE_URL") or database.default_url()
        )
        self._key = key or database.load_key(
            self.url.database if self.url.drivername == "sqlite" else None
        )
        self.engine = database.open_engine(self.url)

    @contextmanager
    def transaction(self, *, looking: bool = False) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back and says why in a sentence.

        ``looking``: nothing will be written, so nobody who writes has to wait.
        """
        try:
            with (
                Session(self.engine.execution_options(looking=looking)) as session,
                session.begin(),
            ):
                yield session
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise StorageError(f"The study database refused: {reason}.") from error

    def create(self, protocol: Protocol, images: Mapping[str, bytes], seed: bytes) -> str:
        """Open a study: its protocol is frozen from here on. Return its id."""
        if hashlib.sha256(seed).hexdigest() != protocol.seed_commitment:
            raise StudyError("The secret seed is not the one that the protocol commits to.")
        blocked = sorted(name for name, auc in protocol.audit.items() if auc > LIMIT)
        if blocked and not protocol.audit_override.strip():
            raise StudyError(
                f"The leak audit tells the classes apart by {', '.join(blocked)}; "
                "make the images alike, or override it in writing."
            )
        study = secrets.token_hex(8)
        with self.transaction() as session:
            session.add(
                StudyRow(
                    id=study,
                    title=protocol.title,
                    protocol=protocol.model_dump(mode="json"),
                    protocol_hash=protocol.hash,
                    seed=seed,
                )
            )
            session.flush()
            for sha in sorted({sha for item in protocol.items for sha in item.images}):
                if sha not in images or hashlib.sha256(images[sha]).hexdigest() != sha:
                    raise StudyError(f"Image {sha[:12]} of the protocol is missing or another one.")
                session.add(ImageRow(study=study, sha256=sha, png=images[sha]))
            self.note(session, study, "opened", {"protocol_hash": protocol.hash})
        return study

    def enrol(self, study: str, name: str) -> str:
        """Add a reader; return the secret token of the personal link, which is shown only once."""
        name = name.strip()
        if not 0 < len(name) <= 100 or not name.isprintable():
            raise StudyError("A reader needs a name of 1 to 100 printable characters.")
        token = secrets.token_hex(20)
        with self.transaction() as session:
            row = self.row(session, study)
            _refuse_unblinded(row)
            reader = ReaderRow(study=study, name=name, token_hash=hash_token(token))
            session.add(reader)
            try:
                session.flush()
            except IntegrityError as error:
                raise StudyError(f"This study already has a reader named '{name}'.") from error
            protocol = Protocol.model_validate(row.protocol)
            laid: list[SlotRow] = []
            for number in range(1, protocol.rounds + 1):
                slots = order_items(
                    protocol, seed=row.seed, reader=str(reader.id), round_number=number
                )
                laid += [
                    SlotRow(
                        key=secrets.token_hex(16),
                        reader=reader.id,
                        round=number,
                        position=position,
                        item=slot.item,
                        practice=slot.practice,
                        repeat=slot.repeat,
                        swapped=slot.swapped,
                    )
                    for position, slot in enumerate(slots)
                ]
            session.add_all(laid)
            order = log.order_digest(laid)
            enrolled = {"reader": reader.id, "name": name, "order": order}
            self.note(session, study, "enrolled", enrolled)
        return token

    def renew_link(self, study: str, name: str) -> str:
        """Give a reader a new link (the old one was lost); the reading goes on where it stood."""
        token = secrets.token_hex(20)
        with self.transaction() as session:
            found = session.scalars(
                select(ReaderRow).where(ReaderRow.study == study, ReaderRow.name == name)
            ).first()
            if found is None:
                raise StudyError(f"This study has no reader named '{name}'.")
            found.token_hash = hash_token(token)
            self.note(session, study, "link renewed", {"reader": found.id})
        return token

    def studies(self) -> list[StudySummary]:
        """List all studies with their readers' progress, newest first."""
        with self.transaction(looking=True) as session:
            rows = session.scalars(select(StudyRow).order_by(StudyRow.created.desc())).all()
            return [
                StudySummary(
                    id=row.id,
                    title=row.title,
                    kind=row.protocol["kind"],
                    protocol_hash=row.protocol_hash,
                    unblinded=row.unblinded is not None,
                    progress=_progress(session, row.id),
                )
                for row in rows
            ]

    def protocol(self, study: str) -> Protocol:
        """Return the protocol; it holds the truth, so it stays on the server's side."""
        with self.transaction(looking=True) as session:
            return Protocol.model_validate(self.row(session, study).protocol)

    def unblind(self, study: str, *, reason: str) -> None:
        """Open the truth, once, as an event of the log; from here on nothing can be read."""
        if not reason.strip():
            raise StudyError("Unblinding needs a reason in writing, such as 'all readers done'.")
        with self.transaction() as session:
            row = self.row(session, study)
            _refuse_unblinded(row)
            row.unblinded = now()
            unfinished = [p.reader for p in _progress(session, study) if p.answered < p.total]
            content = {"reason": reason.strip(), "unfinished": unfinished}
            self.note(session, study, "unblinded", content)

    def reads(self, study: str) -> list[dict[str, Any]]:
        """Return every answer with its truth as a tidy table; only after unblinding."""
        with self.transaction(looking=True) as session:
            row = self.row(session, study)
            if row.unblinded is None:
                raise StudyError("Answers can be seen only after the study has been unblinded.")
            items = {item.key: item for item in Protocol.model_validate(row.protocol).items}
            answered = session.execute(
                select(ReaderRow.name, SlotRow, AnswerRow)
                .join(SlotRow, SlotRow.reader == ReaderRow.id)
                .join(AnswerRow, AnswerRow.slot == SlotRow.key)
                .where(ReaderRow.study == study)
                .order_by(ReaderRow.id, SlotRow.round, SlotRow.position)
            )
            return [
                {
                    "reader": name,
                    "round": slot.round,
                    "position": slot.position,
                    "item": slot.item,
                    "practice": slot.practice,
                    "repeat": slot.repeat,
                    "swapped": slot.swapped,
                    "truth": items[slot.item].truth,
                    "group": items[slot.item].group,
                    "choice": answer.choice,
                    "confidence": answer.confidence,
                    "milliseconds": answer.milliseconds,
                    "looked": answer.looked,
                    "at": answer.at.isoformat(),
                }
                for name, slot, answer in answered
            ]

    def verify(self, study: str) -> list[str]:
        """Return what has been tampered with, one sentence each; empty when nothing has."""
        with self.transaction(looking=True) as session:
            return log.verify(session, self._key, self.row(session, study))

    def note(self, session: Session, study: str, kind: str, content: dict[str, Any]) -> None:
        """Add a line to the log, inside the caller's transaction."""
        session.flush()
        log.append(session, self._key, study, kind, content)

    @staticmethod
    def row(session: Session, study: str) -> StudyRow:
        """Return a study's row, or say that there is none."""
        row = session.get(StudyRow, study)
        if row is None:
            raise StudyError(f"There is no study '{study}'.")
        return row


def hash_token(token: str) -> str:
    """Return what the database keeps of a link."""
    return hashlib.sha256(token.encode()).hexdigest()


def _progress(session: Session, study: str) -> tuple[Progress, ...]:
    counted = session.execute(
        select(ReaderRow.name, SlotRow.round, func.count(AnswerRow.slot), func.count(SlotRow.key))
        .join(SlotRow, SlotRow.reader == ReaderRow.id)
        .outerjoin(AnswerRow, AnswerRow.slot == SlotRow.key)
        .where(ReaderRow.study == study)
        .group_by(ReaderRow.id, ReaderRow.name, SlotRow.round)
        .order_by(ReaderRow.id, SlotRow.round)
    )
    return tuple(Progress(*row) for row in counted)


def _refuse_unblinded(row: StudyRow) -> None:
    if row.unblinded is not None:
        raise StudyError("This study has been unblinded; nothing can be added to it.")

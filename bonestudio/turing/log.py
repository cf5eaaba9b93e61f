"""The log of a study: append-only and hash-chained, sealed with a key that is not in the database.

Each line's seal is HMAC-SHA-256(key, previous seal + line). Whoever changes a line, an answer, an
image or the protocol in the database is found out, and told by name; without the key (a file of
its own, ``BONESTUDIO_STUDY_KEY``) nobody can forge a new chain.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bonestudio.turing.protocol import Protocol, canonical, digest
from bonestudio.turing.tables import (
    AnswerRow,
    EventRow,
    ImageRow,
    ReaderRow,
    SlotRow,
    StudyRow,
    now,
)

START = "0" * 64


def append(session: Session, key: bytes, study: str, kind: str, content: dict[str, Any]) -> None:
    """Add a line, in the transaction of what it tells of."""
    # The study's row is the lock: two readers' answers queue here, the chain never forks.
    row = session.scalars(select(StudyRow).where(StudyRow.id == study).with_for_update()).one()
    last = session.scalars(
        select(EventRow).where(EventRow.study == study).order_by(EventRow.number.desc()).limit(1)
    ).first()
    number, before = (last.number + 1, last.seal) if last else (1, START)
    at = now().isoformat()
    seal = _seal(key, before, study, number, kind, content, at)
    session.add(EventRow(study=study, number=number, kind=kind, content=content, at=at, seal=seal))
    row.head = _head(key, study, number, seal)


def answer_content(slot: SlotRow, answer: AnswerRow) -> dict[str, Any]:
    """Return what the log holds of an answer: enough to find any change of it."""
    return {
        "slot": slot.key,
        "reader": slot.reader,
        "round": slot.round,
        "position": slot.position,
        "item": slot.item,
        "practice": slot.practice,
        "repeat": slot.repeat,
        "swapped": slot.swapped,
        "choice": answer.choice,
        "confidence": answer.confidence,
        "milliseconds": answer.milliseconds,
        "looked": answer.looked,
        "at": (answer.at.replace(tzinfo=answer.at.tzinfo or UTC).astimezone(UTC).isoformat()),
    }


def order_digest(slots: Iterable[SlotRow]) -> str:
    """Digest of a reader's whole order, so that what has not been read yet cannot be changed either."""
    laid = sorted(
        (s.round, s.position, s.key, s.item, s.practice, s.repeat, s.swapped) for s in slots
    )
    return digest(laid)


def verify(session: Session, key: bytes, study: StudyRow) -> list[str]:
    """Return what has been tampered with, one sentence each; empty when all is as it was written."""
    findings = []
    before = START
    events = session.scalars(
        select(EventRow).where(EventRow.study == study.id).order_by(EventRow.number)
    ).all()
    for number, event in enumerate(events, start=1):
        if event.number != number:
            findings.append(f"Line {number} of the log is missing.")
            break
        seal = _seal(key, before, study.id, number, event.kind, event.content, event.at)
        if not hmac.compare_digest(seal, event.seal):
            findings.append(f"Line {number} of the log ({event.kind}) was changed.")
            break
        before = event.seal
    if not findings and not hmac.compare_digest(
        study.head, _head(key, study.id, len(events), before)
    ):
        findings.append(f"The log was cut off after line {len(events)}.")
    if not findings:
        # The chain holds: it can now witness for the tables.
        findings += _against_tables(session, study, events)
    return findings


def _against_tables(session: Session, study: StudyRow, events: Any) -> list[str]:
    findings = []
    opened = [event for event in events if event.kind == "opened"]
    protocol = Protocol.model_validate(study.protocol)
    if not opened:
        findings.append("The log does not tell of the study's opening.")
    elif not opened[0].content["protocol_hash"] == study.protocol_hash == protocol.hash:
        findings.append("The protocol was changed after the study was opened.")
    if hashlib.sha256(study.seed).hexdigest() != protocol.seed_commitment:
        findings.append("The secret seed is not the one that the protocol commits to.")
    if (study.unblinded is not None) != any(event.kind == "unblinded" for event in events):
        state = "opened" if study.unblinded is not None else "closed again"
        findings.append(f"The truth was {state} behind the log's back.")
    findings += _readers(session, study, events)
    wanted = {sha for item in protocol.items for sha in item.images}
    kept = dict(
        session.execute(
            select(ImageRow.sha256, ImageRow.png).where(ImageRow.study == study.id)
        ).all()
    )
    findings += [f"Image {sha[:12]} is missing." for sha in sorted(wanted - kept.keys())]
    findings += [
        f"Image {sha[:12]} was changed."
        for sha, png in sorted(kept.items())
        if hashlib.sha256(png).hexdigest() != sha
    ]
    rows = session.execute(
        select(SlotRow, AnswerRow)
        .join(ReaderRow, ReaderRow.id == SlotRow.reader)
        .join(AnswerRow, AnswerRow.slot == SlotRow.key)
        .where(ReaderRow.study == study.id)
    )
    stored = {slot.key: answer_content(slot, answer) for slot, answer in rows}
    logged = {event.content["slot"]: event.content for event in events if event.kind == "answered"}
    for slot_key in sorted(logged.keys() | stored.keys()):
        content = logged.get(slot_key) or stored[slot_key]
        where = (
            f"reader {content['reader']}, round {content['round']}, read {content['position'] + 1}"
        )
        if slot_key not in stored:
            findings.append(f"The answer of {where} was deleted.")
        elif slot_key not in logged:
            findings.append(f"The answer of {where} was added behind the log's back.")
        elif canonical(logged[slot_key]) != canonical(stored[slot_key]):
            findings.append(f"The answer of {where} was changed.")
    return findings


def _readers(session: Session, study: StudyRow, events: Any) -> list[str]:
    findings = []
    rows = session.scalars(select(ReaderRow).where(ReaderRow.study == study.id)).all()
    kept = {row.id: row for row in rows}
    enrolled = {e.content["reader"]: e.content for e in events if e.kind == "enrolled"}
    for number in sorted(kept.keys() | enrolled.keys()):
        if number not in kept:
            findings.append(f"Reader {number} was deleted.")
        elif number not in enrolled:
            findings.append(f"Reader {number} was added behind the log's back.")
        elif kept[number].name != enrolled[number]["name"]:
            findings.append(f"The name of reader {number} was changed.")
        else:
            slots = session.scalars(select(SlotRow).where(SlotRow.reader == number)).all()
            if order_digest(slots) != enrolled[number]["order"]:
                findings.append(f"The order of reader {number} was changed.")
    return findings


def _seal(
    key: bytes, before: str, study: str, number: int, kind: str, content: Any, at: str
) -> str:
    line = canonical([before, study, number, kind, content, at])
    return hmac.digest(key, line.encode(), "sha256").hex()


def _head(key: bytes, study: str, number: int, seal: str) -> str:
    return hmac.digest(key, canonical(["head", study, number, seal]).encode(), "sha256").hex()

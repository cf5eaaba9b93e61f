"""What a reader does: see an image, answer, see the next one; nothing else leaves the server."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bonestudio.errors import StudyError
from bonestudio.turing import log
from bonestudio.turing.protocol import CHOICES, Protocol
from bonestudio.turing.store import Store, hash_token
from bonestudio.turing.tables import AnswerRow, ImageRow, ReaderRow, SlotRow, StudyRow, now

LOOKED = {
    "zoomed",
    "windowed",
    "unfocused",
    "paused",
    "screen",
}  # what a browser may tell of the looking


@dataclass(frozen=True)
class View:
    """What a reader's browser is told: no class, no name, no path, no hint of a repeat."""

    title: str
    kind: str
    question: str
    choices: tuple[str, ...]
    state: Literal["practice", "reading", "washout", "done", "closed"]
    answered: int
    total: int
    slot: str | None = None
    images: int = 0
    pause: bool = False
    until: str | None = None
    """When the washout ends."""


class Reading:
    """One reader's reading, found by the secret token of the link."""

    def __init__(self, store: Store, token: str) -> None:
        self._store, self._token_hash = store, hash_token(token)
        with store.transaction(looking=True) as session:
            self._reader(session)

    def view(self) -> View:
        """Return the first unanswered item, wherever the last session broke off."""
        with self._store.transaction(looking=True) as session:
            reader = self._reader(session)
            study = Store.row(session, reader.study)
            protocol = Protocol.model_validate(study.protocol)
            slot = self._current(session, reader)
            round_number = slot.round if slot else protocol.rounds
            answered, total = self._count(
                session, reader, round_number, practice=bool(slot and slot.practice)
            )
            common: dict[str, Any] = {
                "title": protocol.title,
                "kind": protocol.kind,
                "question": protocol.question,
                "choices": CHOICES[protocol.kind],
                "answered": answered,
                "total": total,
            }
            if study.unblinded is not None:
                return View(state="closed", **common)
            if slot is None:
                return View(state="done", **common)
            if until := self._washout_end(session, reader, slot, protocol):
                return View(state="washout", until=until.isoformat(), **common)
            return View(
                state="practice" if slot.practice else "reading",
                slot=slot.key,
                images=2 if protocol.kind == "older-of-two" else 1,
                pause=answered > 0
                and not slot.practice
                and answered % protocol.session_length == 0,
                **common,
            )

    def image(self, slot_key: str, side: int) -> bytes:
        """Return the bare PNG of the current slot; side 0 is the left (or only) image."""
        with self._store.transaction(looking=True) as session:
            slot = self._open_slot(session, slot_key)
            reader = self._reader(session)
            protocol = Protocol.model_validate(Store.row(session, reader.study).protocol)
            shas = next(item.images for item in protocol.items if item.key == slot.item)
            if not 0 <= side < len(shas):
                raise StudyError("There is no such image in this question.")
            sha = shas[side ^ int(slot.swapped)] if len(shas) == 2 else shas[side]
            row = session.get(ImageRow, (reader.study, sha))
            if row is None:
                raise StudyError("The image of this question is missing; tell the investigator.")
            return row.png

    def answer(
        self,
        slot_key: str,
        choice: str,
        *,
        confidence: int | None,
        milliseconds: int,
        looked: dict[str, Any] | None = None,
    ) -> View:
        """Write the answer to disk and return the next item.

        The same answer sent twice (a lost acknowledgement) counts once; another answer to an
        answered item is refused: there is no way back.
        """
        with self._store.transaction() as session:
            reader = self._reader(session)
            study = session.scalars(
                select(StudyRow).where(StudyRow.id == reader.study).with_for_update()
            ).one()
            if study.unblinded is not None:
                raise StudyError("This study is closed; nothing more can be read.")
            protocol = Protocol.model_validate(study.protocol)
            _check_answer(protocol, choice, confidence, milliseconds)
            given = session.get(AnswerRow, slot_key)
            if given is not None:
                slot = session.get(SlotRow, slot_key)
                if (
                    slot is None
                    or slot.reader != reader.id
                    or (given.choice, given.confidence) != (choice, confidence)
                ):
                    raise StudyError(
                        "This question has been answered already; go on with the next."
                    )
            else:
                self._write(
                    session,
                    reader,
                    protocol,
                    slot_key,
                    AnswerRow(
                        slot=slot_key,
                        choice=choice,
                        confidence=confidence,
                        milliseconds=milliseconds,
                        looked=_looked(looked or {}),
                        at=now(),
                    ),
                )
        return self.view()

    def _write(
        self,
        session: Session,
        reader: ReaderRow,
        protocol: Protocol,
        slot_key: str,
        answer: AnswerRow,
    ) -> None:
        slot = self._open_slot(session, slot_key)
        if self._washout_end(session, reader, slot, protocol):
            raise StudyError("The second reading opens after the washout.")
        session.add(answer)
        content = log.answer_content(slot, answer)
        self._store.note(session, reader.study, "answered", content)

    def _reader(self, session: Session) -> ReaderRow:
        found = session.scalars(
            select(ReaderRow).where(ReaderRow.token_hash == self._token_hash)
        ).first()
        if found is None:
            raise StudyError("This link opens no study; ask the investigator for a new one.")
        return found

    @staticmethod
    def _current(session: Session, reader: ReaderRow) -> SlotRow | None:
        return session.scalars(
            select(SlotRow)
            .outerjoin(AnswerRow, AnswerRow.slot == SlotRow.key)
            .where(SlotRow.reader == reader.id, AnswerRow.slot.is_(None))
            .order_by(SlotRow.round, SlotRow.position)
            .limit(1)
        ).first()

    def _open_slot(self, session: Session, slot_key: str) -> SlotRow:
        """Only the current slot is open: no looking ahead, no way back."""
        current = self._current(session, self._reader(session))
        if current is None or current.key != slot_key:
            raise StudyError("This question is not the open one; reload the page.")
        return current

    @staticmethod
    def _count(
        session: Session, reader: ReaderRow, round_number: int, *, practice: bool
    ) -> tuple[int, int]:
        answered, total = session.execute(
            select(func.count(AnswerRow.slot), func.count(SlotRow.key))
            .select_from(SlotRow)
            .outerjoin(AnswerRow, AnswerRow.slot == SlotRow.key)
            .where(
                SlotRow.reader == reader.id,
                SlotRow.round == round_number,
                SlotRow.practice.is_(practice),
            )
        ).one()
        return answered, total

    @staticmethod
    def _washout_end(
        session: Session, reader: ReaderRow, slot: SlotRow, protocol: Protocol
    ) -> datetime | None:
        """Return when the next round opens, if it is not open yet."""
        if slot.round == 1 or slot.position > 0:
            return None
        last = session.scalar(
            select(func.max(AnswerRow.at))
            .join(SlotRow, SlotRow.key == AnswerRow.slot)
            .where(SlotRow.reader == reader.id, SlotRow.round == slot.round - 1)
        )
        if last is None:
            return None
        end = last.replace(tzinfo=last.tzinfo or UTC) + timedelta(days=protocol.washout_days)
        return end if end > datetime.now(UTC) else None


def _check_answer(
    protocol: Protocol, choice: str, confidence: int | None, milliseconds: int
) -> None:
    choices = CHOICES[protocol.kind]
    if choice not in choices:
        raise StudyError(f"The answer must be one of {', '.join(choices)}.")
    if protocol.kind == "grading":
        if confidence is not None:
            raise StudyError("A grade is given without a confidence.")
    elif confidence not in {1, 2, 3, 4, 5}:
        raise StudyError("The confidence must be a number from 1 to 5.")
    if not 0 <= milliseconds < 2**31:
        raise StudyError("The response time must be a positive number of milliseconds.")


def _looked(told: dict[str, Any]) -> dict[str, Any]:
    """Keep what is known and small: the browser's word is not trusted."""
    return {
        key: value
        for key, value in told.items()
        if key in LOOKED and isinstance(value, bool | int) and abs(int(value)) < 2**31
    }

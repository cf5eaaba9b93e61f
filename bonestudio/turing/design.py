"""From images to a protocol that is ready to open: the last step at which anything can change."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import ValidationError

from bonestudio.errors import StudyError
from bonestudio.imaging.types import Radiograph
from bonestudio.turing.audit import audit
from bonestudio.turing.items import Deck, common_size
from bonestudio.turing.protocol import ENDPOINTS, QUESTIONS, Kind, Protocol
from bonestudio.turing.store import Store


@dataclass(frozen=True, kw_only=True)
class Question:
    """One film, or a pair (the original first), with its truth."""

    films: tuple[Radiograph, ...]
    truth: str
    group: str = ""
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """A study that can be opened: protocol, encoded images and the secret seed of its orders."""

    protocol: Protocol
    images: dict[str, bytes]
    seed: bytes

    def open(self, store: Store) -> str:
        """Freeze the protocol and open the study; return its id."""
        return store.create(self.protocol, self.images, self.seed)


def design(
    questions: Sequence[Question],
    *,
    title: str,
    kind: Kind,
    practice: int = 4,
    sources: dict[str, str] | None = None,
    audit_override: str = "",
    **settings: object,
) -> Design:
    """Encode the images alike, set ``practice`` of them apart, audit them, and write the protocol.

    ``settings`` are those of :class:`bonestudio.turing.protocol.Protocol`: repeats, rounds,
    washout_days, margin, alpha, session_length, primary_endpoint.
    """
    if len(questions) <= practice:
        raise StudyError(
            f"A study with {practice} practice items needs more than {len(questions)} questions."
        )
    seed = secrets.token_bytes(32)
    deck = Deck(common_size(film for question in questions for film in question.films))
    set_apart = _practice(questions, practice)
    for i, question in enumerate(questions):
        deck.add(
            question.films,
            question.truth,
            group=question.group,
            practice=i in set_apart,
            scores=question.scores,
        )
    try:
        protocol = Protocol.model_validate(
            {
                "title": title.strip(),
                "kind": kind,
                "question": QUESTIONS[kind],
                "primary_endpoint": ENDPOINTS[kind],
                "items": tuple(deck.items),
                "seed_commitment": hashlib.sha256(seed).hexdigest(),
                "audit": audit(deck.items, deck.images),
                "audit_override": audit_override.strip(),
                "sources": sources or {},
                **settings,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StudyError(f"The protocol cannot be written: {where}: {first['msg']}.") from error
    return Design(protocol, deck.images, seed)


def _practice(questions: Sequence[Question], count: int) -> set[int]:
    """Choose practice items at random, from each truth in turn, so that both classes are met."""
    chance = np.random.default_rng(secrets.randbits(64))
    by_truth: dict[str, list[int]] = {}
    for i in chance.permutation(len(questions)):
        by_truth.setdefault(questions[i].truth, []).append(int(i))
    piles = list(by_truth.values())
    chosen: set[int] = set()
    while len(chosen) < count:
        pile = piles[len(chosen) % len(piles)]
        chosen.add(pile.pop() if pile else next(i for p in piles for i in p if i not in chosen))
    return chosen

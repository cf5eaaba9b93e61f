"""What is fixed before the first read: images, questions, endpoints, margin.

A protocol is frozen and hashed when the study opens; changing anything makes a new study.
"""

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["real-or-synthetic", "older-of-two", "grading"]

QUESTIONS: dict[Kind, str] = {
    "real-or-synthetic": "Is this image real or synthetic?",
    "older-of-two": "Which of the two bones is older?",
    "grading": "How good is this image, from 1 (best) to 5? Judge sharpness, valid area, artefacts, contours, repeated patterns.",
}
ENDPOINTS: dict[Kind, str] = {
    "real-or-synthetic": "accuracy against 50 %, two one-sided tests, readers and cases random",
    "older-of-two": "accuracy against 50 %, two-sided test, readers and cases random",
    "grading": "rank correlation of each expert's grades with each realism score",
}
CHOICES: dict[Kind, tuple[str, ...]] = {
    "real-or-synthetic": ("real", "synthetic"),
    "older-of-two": ("left", "right"),
    "grading": ("1", "2", "3", "4", "5"),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Frozen):
    """One question: one image, or two of a pair (the first is the original).

    ``truth`` is 'real' or 'synthetic'; for a pair 'progression' or 'regression' says whether the
    second image is the older or the younger one; grading has no truth.
    """

    key: str
    images: tuple[str, ...] = Field(min_length=1, max_length=2)
    """SHA-256 of each PNG as the reader's browser gets it."""
    truth: Literal["real", "synthetic", "progression", "regression", "none"]
    group: str = ""
    """Subgroup of the analysis (an age class, an anatomy); never shown to a reader."""
    practice: bool = False
    scores: dict[str, float] = {}
    """Automatic realism scores, for figure 8 of a grading study."""


class Protocol(_Frozen):
    """A whole study, as registered."""

    title: str = Field(min_length=1, max_length=200)
    kind: Kind
    question: str
    items: tuple[Item, ...] = Field(min_length=1)
    repeats: float = Field(0.1, ge=0, le=0.5)
    """Share of items shown twice, hidden, for the agreement of a reader with himself."""
    rounds: int = Field(1, ge=1, le=4)
    washout_days: float = Field(28, ge=0)
    session_length: int = Field(50, ge=5)
    """Reads after which a pause is proposed."""
    margin: float = Field(0.10, gt=0, lt=0.5)
    """Equivalence margin around 50 % accuracy, for the two one-sided tests."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    primary_endpoint: str = Field(min_length=1)
    seed_commitment: str
    """SHA-256 of the secret seed of all orders: it can be shown afterwards that it was not changed."""
    audit: dict[str, float] = {}
    """Cross-validated AUC of each trivial classifier of the leak audit."""
    audit_override: str = ""
    """The investigator's written reason for starting in spite of the audit."""
    sources: dict[str, str] = {}
    """Where each class came from, in words; folders are not named here."""

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON."""
        return digest(self.model_dump(mode="json"))

    @property
    def questions(self) -> tuple[Item, ...]:
        """Items that count, without practice."""
        return tuple(item for item in self.items if not item.practice)


def canonical(value: object) -> str:
    """JSON that is the same for the same content, on any machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()

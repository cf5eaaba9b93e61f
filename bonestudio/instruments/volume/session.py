"""A history of volumes with undo and redo, and the file it is kept in: JSON, codes and nothing else.

A session holds no scan, only codes; a session file is read without running anything in it.
"""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bonestudio.errors import ImageError, StorageError
from bonestudio.imaging.files import write_bytes
from bonestudio.instruments.volume.codes import MOST_STACKS, Code
from bonestudio.instruments.volume.measures import UNITS

VERSION: Final = 1
MOST_STEPS: Final = 500
_MOST_BYTES = 64 << 20
_MOST_LAYERS, _MOST_CODES = 64, 4096
NOTICE: Final = "Simulated volumes. Research use, not for diagnosis."
Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One volume of the history.

    Attributes
    ----------
    name
        What was done, in words: 'Tb.BMD, α +2.0'.
    code
        The volume.
    turn
        Which control made it: steps of one turn replace each other while a slider moves.
    box
        Where a scan lies in its padded volume (start, stop of each axis); None where nothing was padded.
    kept
        Attributes that the edit from the step before was to leave alone.
    """

    name: str
    code: Code
    turn: str = ""
    box: Box | None = None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Session:
    """Steps, and the one that is shown. A session never changes: each method returns another one.

    Attributes
    ----------
    model, weights
        The generator's checkpoint and the hashes of its files.
    """

    model: str
    weights: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    at: int = -1

    @property
    def now(self) -> Step:
        """The step that is shown."""
        if not self.steps:
            raise ImageError("There is no volume yet; draw one or invert a scan.")
        return self.steps[self.at]

    @property
    def start(self) -> Step:
        """The volume that the current one was made from: the last one drawn, inverted or opened."""
        for step in reversed(self.steps[: self.at + 1]):
            if not step.turn:
                return step
        return self.steps[0]

    @property
    def before(self) -> Step:
        """The step before the one that is shown: what an edit began with."""
        return self.steps[max(0, self.at - 1)]

    def base(self, turn: str) -> Step:
        """Find the volume that a control of this turn works on: the one before its own steps."""
        return self.steps[self.at - 1] if turn and self.now.turn == turn else self.now

    def then(self, step: Step) -> Self:
        """Add a step; what was undone before is given up. A step of the same turn is replaced."""
        kept = self.steps[: self.at + 1]
        if kept and step.turn and kept[-1].turn == step.turn:
            kept = kept[:-1]
        steps = (*kept, step)[-MOST_STEPS:]
        return replace(self, steps=steps, at=len(steps) - 1)

    def undo(self) -> Self:
        """Go a step back, if there is one."""
        return self.go(self.at - 1)

    def redo(self) -> Self:
        """Go a step on, if there is one."""
        return self.go(self.at + 1)

    def go(self, to: int) -> Self:
        """Show another step."""
        return replace(self, at=max(0, min(len(self.steps) - 1, to))) if self.steps else self

    def save(self, path: Path) -> Path:
        """Write the session as JSON."""
        write_bytes(path, self.packed())
        return path

    def packed(self) -> bytes:
        """Encode the session; equal codes are written once."""
        codes = {step.code.digest[:24]: _told(step.code) for step in self.steps}
        steps = [
            {"name": s.name, "code": s.code.digest[:24], "turn": s.turn, "box": s.box}
            | ({"kept": s.kept} if s.kept else {})
            for s in self.steps
        ]
        told = {
            "kind": "bonestudio volume session",
            "version": VERSION,
            "notice": NOTICE,
            "model": self.model,
            "weights": self.weights,
            "at": self.at,
            "steps": steps,
            "codes": codes,
        }
        return json.dumps(told, ensure_ascii=False, indent=1).encode()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a session file; anything else is refused with a sentence."""
        try:
            size = path.stat().st_size
            if size > _MOST_BYTES:
                raise ImageError(f"A session has at most {_MOST_BYTES >> 20} MB, not {size >> 20}.")
            written = _Written.model_validate_json(path.read_bytes())
        except OSError as error:
            raise StorageError(f"The session cannot be read: {error.strerror}.") from error
        except (ValidationError, RecursionError) as error:
            raise ImageError(_wrong(error)) from error
        codes = {name: told.code() for name, told in written.codes.items()}
        shapes = {code.values.shape[1:] for code in codes.values()}
        missing = [s.code for s in written.steps if s.code not in codes]
        if len(shapes) > 1 or missing or not -1 < written.at < len(written.steps):
            raise ImageError("The session is damaged: its steps and codes do not fit together.")
        steps = tuple(
            Step(name=s.name, code=codes[s.code], turn=s.turn, box=s.box, kept=s.kept)
            for s in written.steps
        )
        return cls(model=written.model, weights=written.weights, steps=steps, at=written.at)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Code(_Strict):
    shape: tuple[int, int, int]
    starts: tuple[int, ...] = Field(max_length=MOST_STACKS)
    grain: float = Field(ge=0, le=1)
    alike: bool
    numbers: str

    def code(self) -> Code:
        stacks, layers, codes = self.shape
        if not (
            0 < stacks <= MOST_STACKS and 0 < layers <= _MOST_LAYERS and 0 < codes <= _MOST_CODES
        ):
            raise ImageError(f"The session is damaged: it has codes of {self.shape}.")
        rising = all(a < b for a, b in zip(self.starts, self.starts[1:], strict=False))
        if len(self.starts) != stacks or not rising or not 0 <= self.starts[0] < 100_000:
            raise ImageError("The session is damaged: its stacks do not fit its codes.")
        size = stacks * (1 if self.alike else layers) * codes * 4
        try:
            unpack = zlib.decompressobj()
            raw = unpack.decompress(base64.b64decode(self.numbers, validate=True), size + 1)
        except (binascii.Error, zlib.error, ValueError) as error:
            raise ImageError("The session is damaged: its codes cannot be unpacked.") from error
        if len(raw) != size:
            raise ImageError("The session is damaged: its codes have another size than it says.")
        values = np.frombuffer(raw, "<f4").reshape(stacks, -1, codes)
        if not np.isfinite(values).all() or float(np.abs(values).max()) > 1e4:
            raise ImageError("The session is damaged: its codes are not numbers near 0.")
        whole = np.broadcast_to(values, self.shape) if self.alike else values
        return Code(np.ascontiguousarray(whole, np.float32), self.starts, self.grain)


def _known(name: str) -> str:
    if name not in UNITS:
        raise ValueError(name)
    return name


_Attribute = Annotated[str, AfterValidator(_known)]


class _Step(_Strict):
    name: str = Field(max_length=200)
    code: str
    turn: str = Field(max_length=200)
    box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None = None
    kept: tuple[_Attribute, ...] = Field(default=(), max_length=len(UNITS))


class _Written(_Strict):
    kind: Literal["bonestudio volume session"]
    version: Literal[1]
    notice: str = ""
    model: str = Field(max_length=200, pattern=r"^[\w.-]+/[\w.-]+$")
    weights: tuple[str, ...]
    at: int
    steps: tuple[_Step, ...] = Field(min_length=1, max_length=MOST_STEPS)
    codes: dict[str, _Code]


def _told(code: Code) -> dict[str, Any]:
    """Encode a code: little-endian single precision, packed; layers that are alike once."""
    values = code.values
    alike = bool((values == values[:, :1]).all())
    raw = np.ascontiguousarray(values[:, :1] if alike else values, "<f4").tobytes()
    return {
        "shape": values.shape,
        "starts": code.starts,
        "grain": code.grain,
        "alike": alike,
        "numbers": base64.b64encode(zlib.compress(raw, 6)).decode(),
    }


def _wrong(error: Exception) -> str:
    """Say in a sentence why a file is no session."""
    first = error.errors()[0] if isinstance(error, ValidationError) else None
    if first is not None and first["loc"] == ("version",):
        return f"The session is of version {first['input']!r}; this studio reads version {VERSION}."
    where = ".".join(map(str, first["loc"][:3])) if first and first["loc"] else "its beginning"
    return f"This is no session of the volume editor: it is not right at {where}."

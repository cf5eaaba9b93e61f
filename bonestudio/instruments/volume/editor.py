"""The volume editor (paper 003): draw, invert, morph, mix and push volumes, and measure each result."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bonestudio.checkpoints import Card
from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume import cards as volume_cards
from bonestudio.instruments.volume import codes as volume_codes
from bonestudio.instruments.volume.codes import Code
from bonestudio.instruments.volume.keeping import Kept, kept
from bonestudio.instruments.volume.measures import SHAPE, Measured, measure
from bonestudio.instruments.volume.session import Session, Step

if TYPE_CHECKING:
    from bonestudio.instruments.volume.directions import Direction, Directions
    from bonestudio.instruments.volume.inversion import Inversion
    from bonestudio.instruments.volume.model import VolumeModel
    from bonestudio.instruments.volume.scan import Prepared
    from bonestudio.instruments.volume.target import Attempt

_KEPT = 8  # volumes, so that a slider that returns finds what it left; 66 MB at full size
_REMEMBERED = 512  # measurements of volumes; they are small


class VolumeEditor:
    """Edit volumes in the latent space of one generator. Weights are loaded when first needed.

    Examples
    --------
    >>> editor = VolumeEditor()  # doctest: +SKIP
    >>> code = editor.sample(seed=3)  # doctest: +SKIP
    >>> denser = editor.edit(code, "Tb.BMD", 2.0)  # doctest: +SKIP
    >>> editor.measure(editor.draw(denser)).values["Tb.BMD"]  # doctest: +SKIP
    """

    def __init__(self, model: str | None = None) -> None:
        self._wanted = model
        self._drawn: OrderedDict[tuple[str, int | None], Volume] = OrderedDict()
        self._known: OrderedDict[str, tuple[Measured, float | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._parts: tuple[VolumeModel, Directions] | None = None

    @staticmethod
    def models() -> tuple[Card, ...]:
        """Cards of the generators that are here, the best first."""
        return volume_cards.models()

    @property
    def card(self) -> Card:
        """The generator's card."""
        return volume_cards.chosen(self._wanted)

    @property
    def model(self) -> "VolumeModel":
        """The networks."""
        return self._loaded()[0]

    def sample(self, *, seed: int = 0, truncation: float | None = None) -> Code:
        """Draw a code; ``truncation`` is 1.8 for 3D-ProGAN and 0.8 for 3D-StyleGAN by default."""
        return Code(self.model.sample(seed, truncation), (0,), 1.0 if self.model.styled else 0.0)

    def draw(self, code: Code, *, stage: int | None = None) -> Volume:
        """Draw a volume in mg HA/cm³, at a lower ``stage`` (0 …) coarser and faster."""
        from bonestudio.instruments.volume.scan import joined

        model = self.model
        last = model.stages - 1
        stage = None if stage == last else stage
        key = (code.digest, stage)
        with self._lock:
            if key in self._drawn:
                self._drawn.move_to_end(key)
                return self._drawn[key]
        coarser = 1 if stage is None else 2 ** (last - stage)
        stacks = model.draw(code, stage=stage)
        volume = joined(stacks, code.starts, spacing=model.spacing, coarser=coarser)
        with self._lock:
            if self._parts is None or self._parts[0] is not model:
                return volume  # the weights changed meanwhile
            self._drawn[key] = volume
            while len(self._drawn) > _KEPT:
                self._drawn.popitem(last=False)
        return volume

    @property
    def preview_stage(self) -> int:
        """The stage that is drawn while a slider moves: the last but one, or the only one."""
        return max(0, self.model.stages - 2)

    def prepare(self, scan: Volume, *, whole: bool = False) -> "Prepared":
        """Bring a scan to the generator's grid: its middle stack, or all of its stacks."""
        from bonestudio.instruments.volume.scan import prepare

        m = self.model
        return prepare(scan, shape=m.shape, spacing=m.spacing, window=m.window, whole=whole)

    def invert(
        self, scan: "Prepared", *, updates: int = 100, voxels: float | None = None
    ) -> "Iterator[Inversion]":
        """Look for a scan's code: the encoder's guess, then ``updates`` of equation 7 or 10.

        Each update is told as it comes, with its error; closing the iterator cancels.
        """
        from bonestudio.instruments.volume.inversion import invert
        from bonestudio.instruments.volume.model import encoder_of

        encoder = encoder_of(self.card)
        return invert(self.model, encoder, scan, updates=updates, voxels=voxels)

    @staticmethod
    def morph(a: Code, b: Code, share: float) -> Code:
        """Return a volume between two, 0 (``a``) to 1 (``b``)."""
        return volume_codes.between(a, b, share)

    @staticmethod
    def mix(source: Code, target: Code, layers: int) -> Code:
        """Return the source's styles in the first ``layers`` of 3D-StyleGAN, the target's after."""
        return volume_codes.mixed(source, target, layers)

    def directions(self) -> "list[Direction]":
        """Ways to edit: measured attributes where they were fitted, then SeFa's."""
        return self._loaded()[1].every()

    def direction(self, name: str, *, keep: Sequence[str] = ()) -> "Direction":
        """One way: 'sefa-1', 'Tb.BMD'; ``keep`` names attributes that it is to leave alone."""
        return self._loaded()[1].named(name, keep=tuple(keep))

    def spreads(self) -> dict[str, float]:
        """Tell the standard deviation of each fitted attribute over random volumes, in its unit."""
        return self._loaded()[1].spreads()

    def shape_beside(self, name: str) -> tuple[str, ...]:
        """Say which attributes of the shape a direction can be asked to leave alone: those fitted."""
        if name in SHAPE:
            return ()
        known = self._loaded()[1].names
        return tuple(one for one in SHAPE if one in known)

    def kept(self, before: Code, after: Step) -> list[Kept]:
        """Measure what became of the attributes that an edit was to leave alone."""
        if not after.kept:
            return []
        found = self.found(before)[0], self.found(after.code)[0]
        return kept(*found, after.kept, self.spreads())

    def edit(self, code: Code, name: str, amount: float, *, keep: Sequence[str] = ()) -> Code:
        """Go ``amount`` (α, in standard deviations of random codes) along a direction."""
        return volume_codes.moved(code, self.direction(name, keep=keep).step, amount)

    def edit_to(
        self,
        code: Code,
        name: str,
        change: float,
        *,
        keep: Sequence[str] = (),
        tolerance: float | None = None,
        tries: int = 8,
    ) -> "Iterator[Attempt]":
        """Edit until attribute ``name`` has changed by ``change`` in its unit, as measured.

        Each try is told; the last is the best. ``tolerance``: 5 % of the change by default.
        """
        from bonestudio.instruments.volume.target import approach

        direction = self._loaded()[1].attribute(name, keep=tuple(keep))
        return approach(
            direction,
            change,
            start=self.found(code)[0],
            measured_at=lambda amount: self.found(volume_codes.moved(code, direction.step, amount))[
                0
            ],
            tolerance=abs(change) * 0.05 if tolerance is None else tolerance,
            tries=tries,
        )

    @staticmethod
    def measure(volume: Volume) -> Measured:
        """Tb.BMD, Ct.BMD, BV/TV, Tb.Th, Tb.Sp, Tb.N, Ct.Th and Tt.Ar, with units."""
        return measure(volume)

    def realism(self, volume: Volume) -> float | None:
        """How real a drawn stack looks (Kynkäänniemi 2019): 1 or more within the manifold of real ones.

        The mean over the stacks of a long volume; None where no reference features are here.
        """
        from bonestudio.instruments.volume.realism import realism

        return realism(self.card, volume, stack=self.model.shape[0])

    def found(self, code: Code) -> tuple[Measured, float | None]:
        """Measure a code's volume and score its realism, each code once."""
        model = self.model
        with self._lock:
            if code.digest in self._known:
                return self._known[code.digest]
        volume = self.draw(code)
        told = self.measure(volume), self.realism(volume)
        with self._lock:
            if self._parts is None or self._parts[0] is not model:
                return told  # the weights changed meanwhile
            self._known[code.digest] = told
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return told

    def begin(self, name: str, code: Code, *, box: Any = None) -> Session:
        """Begin a history with a volume."""
        weights = tuple(sorted(self.card.files.values()))
        session = Session(model=self.card.id, weights=weights)
        return session.then(Step(name=name, code=code, box=box))

    def check_session(self, session: Session) -> None:
        """Refuse a session of other weights: its codes would draw other bones."""
        if session.weights != tuple(sorted(self.card.files.values())):
            raise CheckpointError(
                f"The session was made with {session.model}, whose weights are not those of "
                f"{self.card.id} here; choose that model, or invert the scans anew."
            )
        m = self.model
        for step in session.steps:
            if step.code.values.shape[1:] != (m.layers, m.codes):
                raise CheckpointError(f"The session's codes do not fit {self.card.id}.")

    def cropped(self, volume: Volume, step: Step) -> Volume:
        """Take the padding away that an inverted scan was given."""
        if step.box is None:
            return volume
        from dataclasses import replace

        part = volume.voxels[tuple(slice(*ends) for ends in step.box)]
        return replace(volume, voxels=np.ascontiguousarray(part)) if part.size else volume

    def _loaded(self) -> "tuple[VolumeModel, Directions]":
        from bonestudio.instruments.volume.directions import Directions
        from bonestudio.instruments.volume.model import atlas_of, opened

        model = opened(self.card.id)
        with self._lock:
            if self._parts is None or self._parts[0] is not model:
                self._parts = (model, Directions(model, atlas_of(model.card)))
                self._drawn.clear()
                self._known.clear()
            return self._parts

"""A virtual patient: a seed, a sex, and the traits that stay for life."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Laterality, Radiograph, Sex, Volume
from bonestudio.phantoms.truth import Phantom

if TYPE_CHECKING:
    from bonestudio.phantoms.fracture import Fracture

Style = Literal["synthetic", "natural"]

SHAPE_MODES = 12


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What makes a patient this patient; standard normal unless said otherwise.

    Attributes
    ----------
    size
        Bone length for age, in standard deviations of the population (about 5 % each).
    breadth
        Bone width for its length (about 4 % each).
    cortex
        Cortical thickness for its width (about 9 % each).
    density
        Mineral of cortex and trabeculae (about 8 % each).
    tempo
        Years by which maturation runs ahead (+) or behind (-): standard deviation 0.8, within ±2.
    soft_tissue
        Thickness of skin, fat and muscle around the bone (about 10 % each).
    texture
        Contrast of the trabecular pattern (about 15 % each).
    shape
        [12] coefficients of smooth warps of the bone's outline.
    """

    size: float
    breadth: float
    cortex: float
    density: float
    tempo: float
    soft_tissue: float
    texture: float
    shape: NDArray[np.float32]


@dataclass(frozen=True)
class VirtualPatient:
    """One person who can be imaged at any age, in any view, healthy or fractured.

    Everything is fixed by ``seed`` and ``sex``: the same request gives the same image in every
    process. Each view returns its image and its truth.
    """

    seed: int
    sex: Sex = "F"

    def __post_init__(self) -> None:
        if self.sex not in {"F", "M"}:
            raise RequestError(f"Sex is 'F' or 'M' here (growth differs), not {self.sex!r}.")
        self.random("check")

    def random(self, purpose: str) -> np.random.Generator:
        """Return this patient's own random numbers for one purpose ('wrist/markers')."""
        from bonestudio.phantoms.chance import generator

        return generator(self.seed, purpose)

    @cached_property
    def traits(self) -> Traits:
        """The traits, drawn once from the seed, clipped at 2.3 standard deviations."""
        draw = self.random("traits").standard_normal(7 + SHAPE_MODES).clip(-2.3, 2.3)
        size, breadth, cortex, density, tempo, soft, texture = (float(v) for v in draw[:7])
        return Traits(
            size=size,
            # Broad bones go with long ones less than perfectly; so do cortex and mineral.
            breadth=0.9 * breadth - 0.2 * size,
            cortex=0.8 * cortex + 0.4 * density,
            density=density,
            tempo=float(np.clip(0.8 * tempo, -2.0, 2.0)),
            soft_tissue=soft,
            texture=texture,
            shape=draw[7:].astype(np.float32),
        )

    def phalange(
        self, age: float, *, style: Style = "natural", finger: int = 2
    ) -> Phantom[Radiograph]:
        """Middle phalanx of a finger (2: index) at ``age`` years, 128 × 128, upright."""
        from bonestudio.phantoms.phalange import phalange

        return phalange(self, age, style=style, finger=finger)

    def femur(self, age: float, *, style: Style = "natural") -> Phantom[Radiograph]:
        """Lower end of the left femur at ``age`` years, AP, 128 × 128."""
        from bonestudio.phantoms.femur import femur

        return femur(self, age, style=style)

    def hand(self, age: float, *, style: Style = "natural", **options: Any) -> Phantom[Radiograph]:
        """Whole left hand at ``age`` years, PA."""
        from bonestudio.phantoms.hand import hand

        return hand(self, age, style=style, **options)

    def wrist(
        self,
        view: str = "PA",
        *,
        fracture: "Fracture | None" = None,
        style: Style = "natural",
        **options: Any,
    ) -> Phantom[Radiograph]:
        """Wrist ('PA', 'LL' or 'OB'), healthy or with a fracture of the distal forearm."""
        from bonestudio.phantoms.wrist import wrist

        return wrist(self, view, fracture=fracture, style=style, **options)

    def forearm(
        self,
        view: str = "PA",
        *,
        fracture: "Fracture | None" = None,
        style: Style = "natural",
        **options: Any,
    ) -> Phantom[Radiograph]:
        """Forearm ('PA' or 'LL'), healthy or with a fracture of radius and ulna."""
        from bonestudio.phantoms.forearm import forearm

        return forearm(self, view, fracture=fracture, style=style, **options)

    def radius_scan(self, grade: int = 1, **options: Any) -> Phantom[Volume]:
        """HR-pQCT stack of the distal radius with motion of visual grade 1 (none) to 5."""
        from bonestudio.phantoms.radius_scan import radius_scan

        return radius_scan(self, grade, **options)

    def hip(
        self, pose: int | str = "supine", side: Laterality = "L", **options: Any
    ) -> Phantom[Radiograph]:
        """Cone-beam radiograph of one hip in one of five poses, with its BMD maps."""
        from bonestudio.phantoms.hip import hip

        return hip(self, pose, side, **options)

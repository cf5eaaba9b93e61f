"""Fractures of radius and ulna: what can be asked for, and what it is called."""

from dataclasses import dataclass
from typing import Literal, Self

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Laterality

BrokenBone = Literal["radius", "ulna", "both"]

# End segments by the rule of squares (AO/OTA 2018, J Orthop Trauma 32 Suppl 1, p. S3): as long as
# the two epiphyses are wide, 50 to 52 mm of 246 mm.
_PROXIMAL_END, _DISTAL_END = 0.20, 0.79

_RANGES = {
    "level": (0.12, 0.97, "the share of the bone's length from the elbow"),
    "obliquity": (0.0, 65.0, "degrees from a straight break"),
    "gap": (0.0, 40.0, "millimetres of missing bone"),
    "displacement": (0.0, 20.0, "millimetres"),
    "angulation": (0.0, 40.0, "degrees"),
    "comminution": (0.0, 1.0, "a share from simple to shattered"),
    "roughness": (0.0, 3.0, "millimetres"),
}


@dataclass(frozen=True, kw_only=True)
class Fracture:
    """One break of a forearm, as its image is to show it.

    Attributes
    ----------
    bone
        'radius', 'ulna' or 'both'.
    side
        The arm: 'L' or 'R'.
    level
        Where along the bone: 0 at the elbow, 1 at the wrist.
    obliquity
        Angle between the plane of the break and a straight cut, degrees.
    gap
        Bone missing between the fragments, measured along the bone, mm.
    displacement
        Sideways shift of the distal fragment, mm.
    angulation
        Angle between the fragments, degrees; the distal one leans towards ``direction``.
    comminution
        0: simple; up to 0.5: a wedge; above: several fragments.
    direction
        Where shift, slope and lean point, degrees about the bone: 0 to the thumb's side (seen in
        full in the PA view), 90 to the back of the hand (seen in full in the lateral view).
    roughness
        Height of the broken surfaces' teeth, mm.
    """

    bone: BrokenBone = "radius"
    side: Laterality = "L"
    level: float = 0.5
    obliquity: float = 20.0
    gap: float = 1.0
    displacement: float = 3.0
    angulation: float = 8.0
    comminution: float = 0.0
    direction: float = 0.0
    roughness: float = 0.8

    def __post_init__(self) -> None:
        if self.bone not in {"radius", "ulna", "both"}:
            raise RequestError(f"A fracture is of 'radius', 'ulna' or 'both', not {self.bone!r}.")
        if self.side not in {"L", "R"}:
            raise RequestError(f"The side of a fracture is 'L' or 'R', not {self.side!r}.")
        for name, (low, high, what) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise RequestError(
                    f"A fracture's {name} is from {low:g} to {high:g} ({what}), not {value!r}."
                )
        if not isinstance(self.direction, int | float) or not -360 <= self.direction <= 360:
            raise RequestError(
                f"A fracture's direction is an angle from -360 to 360 degrees, not {self.direction!r}."
            )

    @classmethod
    def bone_removed(
        cls,
        bone: BrokenBone = "radius",
        *,
        position: float,
        thickness: float,
        angle: float = 0.0,
        side: Laterality = "L",
    ) -> Self:
        """Cut a slice out of a bone that stays where it is: the abnormal class of paper 002.

        ``position`` is the share of the length from the elbow, ``thickness`` millimetres, ``angle``
        the slant of the two flat cuts in degrees.
        """
        return cls(
            bone=bone,
            side=side,
            level=position,
            gap=thickness,
            obliquity=angle,
            displacement=0.0,
            angulation=0.0,
            comminution=0.0,
            roughness=0.0,
        )

    @property
    def bones(self) -> tuple[str, ...]:
        """The broken bones by name."""
        return ("radius", "ulna") if self.bone == "both" else (self.bone,)

    @property
    def segment(self) -> int:
        """1 proximal end, 2 shaft, 3 distal end."""
        if self.level < _PROXIMAL_END:
            return 1
        return 3 if self.level > _DISTAL_END else 2

    @property
    def ao_code(self) -> str:
        """Code of the AO/OTA Fracture and Dislocation Compendium 2018, bone by bone.

        Shaft: A simple (A2 oblique from 30 degrees, A3 transverse), B2 intact wedge, B3 broken
        wedge, C3 multifragmentary. The breaks of the ends here leave the joint alone, which is
        type A of the end segments: A2 simple, A3 wedge or multifragmentary.
        """
        if self.segment == 2:
            if self.comminution == 0:
                kind = "A2" if self.obliquity >= 30 else "A3"
            elif self.comminution <= 0.5:
                kind = "B2" if self.comminution <= 0.25 else "B3"
            else:
                kind = "C3"
        else:
            kind = "A2" if self.comminution == 0 else "A3"
        return ", ".join(f"2{bone[0].upper()}{self.segment}{kind}" for bone in self.bones)

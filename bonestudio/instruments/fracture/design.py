"""A fracture by design: what is asked for, the virtual patient's film, its mask and its code."""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Laterality, Radiograph, Sex

if TYPE_CHECKING:
    from bonestudio.phantoms.fracture import BrokenBone, Fracture
    from bonestudio.phantoms.hardware import Hardware
    from bonestudio.phantoms.patient import Style
    from bonestudio.phantoms.truth import Truth

Site = Literal["forearm", "wrist"]
View = Literal["PA", "lateral", "oblique"]
Metal = Literal["none", "plate", "wires"]

SITES: Final[tuple[Site, ...]] = ("forearm", "wrist")
LEVEL: Final[dict[Site, float]] = {"forearm": 0.55, "wrist": 0.9}
_NO_SITE: Final = "A film shows a 'forearm' or a 'wrist', not {!r}."
# A wrist's film shows 135 mm around the joint: the shaft's middle lies outside it.
LEVELS: Final[dict[Site, tuple[float, float]]] = {"forearm": (0.15, 0.95), "wrist": (0.78, 0.95)}


@dataclass(frozen=True, kw_only=True)
class Design:
    """One film to be made: enough to make it again, bit for bit.

    Attributes
    ----------
    site
        'forearm' (elbow to wrist, about 320 mm) or 'wrist' (about 135 mm).
    broken
        False for the same patient's healthy bone; the fracture's controls are then not used.
    bone … direction
        As of :class:`bonestudio.phantoms.fracture.Fracture`: mm, degrees, shares.
    hardware
        'none', 'plate' or 'wires', on the broken bone at the break.
    patient, sex, age
        The virtual patient: a seed, 'F' or 'M', 18 to 95 years.
    style
        'natural' looks like a film, 'synthetic' is a clean rendering.
    size
        Rows and columns of the film, pixels.
    """

    site: Site = "forearm"
    broken: bool = True
    bone: "BrokenBone" = "radius"
    side: Laterality = "L"
    view: View = "PA"
    level: float = LEVEL["forearm"]
    obliquity: float = 25.0
    gap: float = 2.0
    displacement: float = 4.0
    angulation: float = 10.0
    comminution: float = 0.0
    direction: float = 0.0
    hardware: Metal = "none"
    patient: int = 5
    sex: Sex = "F"
    age: float = 35.0
    style: "Style" = "natural"
    size: int = 512

    def __post_init__(self) -> None:
        if self.site not in SITES:
            raise RequestError(_NO_SITE.format(self.site))
        if self.hardware not in {"none", "plate", "wires"}:
            raise RequestError(f"Hardware is 'none', a 'plate' or 'wires', not {self.hardware!r}.")
        if self.view not in {"PA", "lateral", "oblique"}:
            raise RequestError(f"A view is 'PA', 'lateral' or 'oblique', not {self.view!r}.")
        _ = self.fracture  # refuses what no fracture can be

    @property
    def fracture(self) -> "Fracture | None":
        """The break, or None for a healthy bone."""
        if not self.broken:
            return None
        from bonestudio.phantoms.fracture import Fracture

        return Fracture(
            bone=self.bone,
            side=self.side,
            level=self.level,
            obliquity=self.obliquity,
            gap=self.gap,
            displacement=self.displacement,
            angulation=self.angulation,
            comminution=self.comminution,
            direction=self.direction,
        )

    @property
    def ao_code(self) -> str | None:
        """AO/OTA 2018 code of what is asked for."""
        return self.fracture.ao_code if self.fracture else None

    @property
    def metal(self) -> "Hardware | None":
        """Plate or wires on the broken bone."""
        if self.hardware == "none":
            return None
        from bonestudio.phantoms.hardware import Hardware

        bone: Literal["radius", "ulna"] = "ulna" if self.bone == "ulna" else "radius"
        count = 6 if self.hardware == "plate" else 2
        return Hardware(kind=self.hardware, bone=bone, level=self.level, count=count)

    def render(self) -> "Designed":
        """Take the film; the same design gives the same film in every process."""
        from bonestudio.phantoms.patient import VirtualPatient

        patient = VirtualPatient(self.patient, self.sex)
        take = patient.forearm if self.site == "forearm" else patient.wrist
        phantom = take(
            self.view,
            fracture=self.fracture,
            hardware=self.metal,
            style=self.style,
            age=self.age,
            side=self.side,
            size=self.size,
        )
        if self.broken and "fracture" not in phantom.truth.masks:
            low, high = LEVELS[self.site]
            raise RequestError(
                f"At level {self.level:g} the break lies outside the film of a {self.site}; "
                f"levels from {low:g} to {high:g} lie on it."
            )
        return Designed(design=self, film=phantom.image, truth=phantom.truth)

    def with_options(self, **options: Any) -> Self:
        """Return the design with some of it changed."""
        return replace(self, **options)

    def as_dict(self) -> dict[str, Any]:
        """Everything asked for, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, asked: dict[str, Any]) -> Self:
        """Read a manifest's design."""
        known = {field.name for field in fields(cls)}
        if odd := set(asked) - known:
            raise RequestError(f"A design has no '{min(odd)}'; it has {', '.join(sorted(known))}.")
        return cls(**asked)


def design_of(site: Site, level: float | None = None, **options: Any) -> Design:
    """Design a film; without a level the break is where this site's film shows it best."""
    if site not in SITES:
        raise RequestError(_NO_SITE.format(site))
    return Design(site=site, level=LEVEL[site] if level is None else level, **options)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Where the break lies on the film: what a handle needs to be drawn there and dragged.

    Attributes
    ----------
    at
        (row, column) of the middle of the break, pixels.
    along
        (rows, columns) from the elbow's end of the bone to the wrist's: one unit of level, pixels.
    across
        (row, column) unit vector across the bone, to the thumb's side (PA) or the back of the hand
        (lateral).
    seen
        Share of the slope that this view shows, −1 to 1: 0 where it runs along the rays.
    width
        Width of the bone there, pixels.
    """

    at: tuple[float, float]
    along: tuple[float, float]
    across: tuple[float, float]
    seen: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Designed:
    """A film by design and all that is true about it."""

    design: Design
    film: Radiograph
    truth: "Truth"

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the break is [height, width]; nowhere on a healthy bone."""
        nothing = np.zeros(self.film.shape, bool)
        return self.truth.masks.get("fracture", nothing) if self.design.broken else nothing

    @property
    def line(self) -> Line | None:
        """The break as a line on the film."""
        if not self.design.broken:
            return None
        bone = "ulna" if self.design.bone == "ulna" else "radius"
        near, far = (
            np.array(self.truth.landmarks[f"{bone}_{end}_end"]) for end in ("elbow", "wrist")
        )
        along = far - near
        unit = along / np.linalg.norm(along)
        across = np.array([-unit[1], unit[0]])
        # The thumb (PA, oblique) and the back of the hand (lateral) lie to the right on a left arm.
        if (across[1] > 0) != (self.design.side == "L"):
            across = -across
        points = np.argwhere(self._own(bone))
        at = points.mean(0)
        spread = np.ptp((points - at) @ across)
        return Line(
            at=(float(at[0]), float(at[1])),
            along=(float(along[0]), float(along[1])),
            across=(float(across[0]), float(across[1])),
            seen=_seen(self.design),
            width=float(max(spread, 8.0)),
        )

    def _own(self, bone: str) -> NDArray[np.bool_]:
        """Return the part of the mask that is this bone's: with both broken, two breaks lie in it."""
        if self.design.bone != "both":
            return self.mask
        other = "ulna" if bone == "radius" else "radius"
        rows, columns = np.mgrid[: self.mask.shape[0], : self.mask.shape[1]]
        near = self._distance(bone, rows, columns) <= self._distance(other, rows, columns)
        own = self.mask & near
        return own if own.any() else self.mask

    def _distance(self, bone: str, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
        """Distance of every pixel from the straight line between a bone's ends."""
        a, b = (np.array(self.truth.landmarks[f"{bone}_{end}_end"]) for end in ("elbow", "wrist"))
        way = (b - a) / np.linalg.norm(b - a)
        distance: NDArray[Any] = np.abs((rows - a[0]) * way[1] - (columns - a[1]) * way[0])
        return distance


def _seen(design: Design) -> float:
    """Share of the slope across the film: the thumb lies across in PA, the back of the hand in lateral."""
    turn = math.radians(design.direction)
    thumb, back = math.cos(turn), math.sin(turn)
    return {"PA": thumb, "lateral": back, "oblique": (thumb + back) * math.sqrt(0.5)}[design.view]

"""What is asked of one virtual patient: enough to make the image again, bit for bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bonestudio.imaging.types import Laterality, Sex
from bonestudio.phantoms.chance import generator
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.truth import Phantom

Kind = Literal["phalange", "femur", "hand", "wrist", "forearm", "radius", "hip"]
GROWING = ("phalange", "femur", "hand")
BROKEN = ("wrist", "forearm")
POSES = ("standing", "supine", "resting", "abduction", "adduction")
REGIONS = {"wrist": "XR_WRIST", "forearm": "XR_FOREARM", "hand": "XR_HAND"}
_HELD_OUT = 10  # every tenth patient of a MURA tree is in 'valid'


@dataclass(frozen=True)
class Order:
    """One patient, imaged in one or two views."""

    kind: Kind
    seed: int
    sex: Sex
    style: str
    age: float | None = None
    abnormal: bool = False
    grade: int = 1
    side: Laterality = "L"

    @property
    def name(self) -> str:
        """Name of the patient in files: a number, since nobody is behind it."""
        return f"{self.seed:07d}"

    @property
    def views(self) -> tuple[str, ...]:
        """Views of the study; arms are taken from the front and from the side."""
        return ("PA", "LL") if self.kind in BROKEN else ("only",)

    def path(self, view: str) -> Path:
        """Where the image lies below the folder."""
        if self.kind in BROKEN:
            number = self.views.index(view) + 1
            return mura_path(REGIONS[self.kind], self.seed, abnormal=self.abnormal, image=number)
        if self.kind == "radius":
            return Path(f"{self.name}.nii.gz")
        return Path("xray" if self.kind == "hip" else "images", f"{self.name}.png")

    def render(self, view: str) -> Phantom[Any]:
        """Make the image and its truth."""
        patient = VirtualPatient(self.seed, self.sex)
        style: Any = self.style
        if self.kind in GROWING:
            grown: Phantom[Any] = getattr(patient, self.kind)(self.age, style=style)
            return grown
        if self.kind == "radius":
            return patient.radius_scan(self.grade)
        if self.kind == "hip":
            return patient.hip(pose(self.seed), self.side, style=style)
        fracture = random_fracture(self.kind, self.seed, self.side) if self.abnormal else None
        arm = patient.wrist if self.kind == "wrist" else patient.forearm
        return arm(view, fracture=fracture, style=style, side=self.side)


def orders(
    kind: Kind, count: int, *, seed: int, style: str, ages: tuple[float, float]
) -> Iterator[Order]:
    """Patients ``seed`` to ``seed + count - 1``: sexes in turn, ages spread evenly."""
    golden = 0.6180339887498949
    for number in range(seed, seed + count):
        share = (number * golden) % 1
        chance = generator(number, "orders")
        yield Order(
            kind=kind,
            seed=number,
            sex="M" if number % 2 else "F",
            style=style,
            age=round(ages[0] + (ages[1] - ages[0]) * share, 2) if kind in GROWING else None,
            abnormal=kind in BROKEN and number % 4 >= 2,  # half of either sex
            grade=int(chance.choice([1, 2, 3, 4, 5], p=[0.35, 0.3, 0.2, 0.1, 0.05])),
            side="R" if kind in (*BROKEN, "hip") and chance.random() < 0.5 else "L",
        )


def mura_path(region: str, seed: int, *, abnormal: bool, image: int) -> Path:
    """Where image 1, 2 … of a patient lies in a MURA tree; every tenth patient is held out."""
    official = "valid" if seed % _HELD_OUT == 0 else "train"
    study = "study1_positive" if abnormal else "study1_negative"
    return Path(official, region, f"patient{seed:07d}", study, f"image{image}.png")


def pose(seed: int) -> str:
    """Pose of a hip, in turn."""
    return POSES[seed % len(POSES)]


def random_fracture(kind: Kind, seed: int, side: Laterality) -> Any:
    """Draw a fracture: distal for a wrist, of the shafts for a forearm."""
    from bonestudio.phantoms.fracture import BrokenBone, Fracture

    draw = generator(seed, "orders/fracture")
    level = draw.uniform(0.86, 0.94) if kind == "wrist" else draw.uniform(0.25, 0.8)
    bones: tuple[BrokenBone, ...] = (
        ("radius", "radius", "both") if kind == "wrist" else ("radius", "ulna", "both")
    )
    return Fracture(
        bone=bones[int(draw.integers(3))],
        side=side,
        level=float(level),
        obliquity=float(draw.uniform(0, 45)),
        gap=float(draw.uniform(0, 4)),
        displacement=float(draw.uniform(0.5, 8)),
        angulation=float(draw.uniform(2, 25)),
        comminution=float(max(0.0, draw.uniform(-1, 1))),  # half of them are simple
        direction=float(draw.uniform(-180, 180)),
    )

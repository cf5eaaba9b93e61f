"""The two domains of paper 002: clean renderings of arms, and arms as they hang in an archive.

Both are prepared alike (:func:`bonestudio.imaging.prepared.prepared`). Phantoms are turned by up to 20 degrees
either way. Half of the abnormal ones have bone removed, as the paper's have, and half are broken.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bonestudio.cohorts import Cohort, Mura
from bonestudio.cohorts.cohort import Subset
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import TrainingError
from bonestudio.imaging.prepared import prepared, prepared_mask
from bonestudio.imaging.types import Radiograph, Sex
from bonestudio.phantoms.chance import generator
from bonestudio.phantoms.fracture import BrokenBone, Fracture
from bonestudio.phantoms.ordering import REGIONS, random_fracture
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.truth import Phantom
from bonestudio.training.films import open_folder
from bonestudio.training.virtual import OrderedPhantoms

Arm = Literal["forearm", "wrist"]
TURN = 20.0  # degrees
SIDE: Literal["L"] = "L"
NATURAL = 1_000_000  # seeds of natural-looking patients count from here
HELD_OUT = 2_000_000  # and those of patients that no run learns from


class Arms(OrderedPhantoms):
    """``count`` virtual patients' arms of one class, clean ('synthetic') or natural, prepared.

    Kinds, views and sexes take turns; ``labels['abnormal']`` tells the class and
    ``masks['fracture']`` where the bone is broken.
    """

    source = "arms"

    def __init__(
        self,
        kinds: Sequence[Arm],
        count: int,
        *,
        style: Style,
        abnormal: bool,
        seed: int = 0,
        size: int = 256,
        turn: float = TURN,
    ) -> None:
        self.kind, self.kinds = "+".join(kinds), tuple(kinds)
        self.style, self.abnormal, self.size, self.turn = style, abnormal, size, turn
        self.options: dict[str, Any] = {"style": style, "size": size, "turn": turn, "version": 1}
        self.entries = tuple(
            Entry(
                name=f"{self.kind_of(number)}-{number:07d}-{int(abnormal)}",
                patient=f"{number:07d}",
                sex=sex_of(number),
                labels={"abnormal": float(abnormal)},
            )
            for number in range(seed, seed + count)
        )

    def kind_of(self, number: int) -> Arm:
        """Return the kind of arm that patient ``number`` shows."""
        return self.kinds[number // 4 % len(self.kinds)]

    def phantom(self, i: int, *, healthy: bool = False) -> Phantom[Radiograph]:
        """Render patient ``i``, or (``healthy``) what the arm was before it broke."""
        number = int(self.entries[i].patient)
        patient = VirtualPatient(number, sex_of(number))
        kind, view = self.kind_of(number), ("PA", "LL")[number // 2 % 2]
        fracture = break_of(kind, number) if self.abnormal and not healthy else None
        arm = patient.wrist if kind == "wrist" else patient.forearm
        return arm(view, fracture=fracture, style=self.style, side=SIDE)

    def load(self, i: int, *, healthy: bool = False) -> Sample:
        """Render and prepare patient ``i``."""
        entry, phantom = self.entries[i], self.phantom(i, healthy=healthy)
        turn = float(generator(int(entry.patient), "arms/turn").uniform(-self.turn, self.turn))
        film = prepared(phantom.image, size=self.size, turn=turn)
        masks = {
            name: prepared_mask(mask, size=self.size, turn=turn)
            for name, mask in phantom.truth.masks.items()
            if name in {"fracture", "radius", "ulna"}
        }
        return self.sample(i, film, masks=masks)


class Prepared(Cohort):
    """Another cohort's films, prepared."""

    def __init__(self, cohort: Cohort, *, size: int = 256) -> None:
        self.films, self.size = cohort, size
        self.source, self.entries = f"{cohort.source}-prepared", cohort.entries
        whole = getattr(cohort, "whole", cohort)
        self.files: tuple[Path, ...] = getattr(whole, "files", ())

    def load(self, i: int) -> Sample:
        """Read and prepare film ``i``."""
        sample = self.films[i]
        film = prepared(Radiograph(pixels=sample.image), size=self.size)
        return replace(sample, image=film.pixels, masks={}, spacing=None)


def natural_arms(
    source: str,
    kinds: Sequence[Arm],
    count: int,
    *,
    abnormal: bool,
    size: int,
    held_out: bool = False,
) -> list[Cohort]:
    """Open what --data names: virtual patients with the look of an archive, MURA, or any folder.

    Of MURA the training films of the class are taken (``held_out``: the official validation set); a
    folder whose ``labels.csv`` says ``abnormal`` gives those of the class, any other folder all it
    has, but for the fifth that is held out by patient.
    """
    if source == "phantom":
        seed = NATURAL + (HELD_OUT if held_out else 0)
        return [Arms(kinds, count, style="natural", abnormal=abnormal, seed=seed, size=size)]
    if not source:
        raise TrainingError(
            "This recipe needs images; say where they are with --data FOLDER, or --data phantom."
        )
    folder = Path(source)
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}; give one of images with --data FOLDER.")
    if any((root / "train").is_dir() for root in (folder, folder / "MURA-v1.1")):
        whole: list[Cohort] = [Mura(folder, region=REGIONS[kind]) for kind in kinds]
        parts = [cohort.split("test" if held_out else "train") for cohort in whole]
    else:
        films = open_folder(folder)
        parts = [films.split("test") if held_out else films.without("test")]
    return [Prepared(_of_class(part, abnormal=abnormal), size=size) for part in parts]


def _of_class(part: Subset, *, abnormal: bool) -> Subset:
    """Films of one class; those that no label speaks of are of either."""
    chosen = [
        number
        for number, entry in zip(part.numbers, part.entries, strict=True)
        if entry.labels.get("abnormal", abnormal) == float(abnormal)
    ]
    if not chosen:
        raise TrainingError(
            f"There are no {'abnormal' if abnormal else 'normal'} films in the folder; "
            "its labels say which are."
        )
    return Subset(part.whole, chosen)


def break_of(kind: Arm, number: int) -> Fracture:
    """Draw what is wrong with patient ``number``'s arm: in turn bone removed and a fracture."""
    if number % 2:
        drawn: Fracture = random_fracture(kind, number, SIDE)
        return drawn
    draw = generator(number, "arms/removed")
    bones: tuple[BrokenBone, ...] = ("radius", "ulna", "both")
    low, high = (0.86, 0.94) if kind == "wrist" else (0.25, 0.85)
    return Fracture.bone_removed(
        bones[int(draw.integers(3 if kind == "forearm" else 1))],
        position=float(draw.uniform(low, high)),
        thickness=float(draw.uniform(2.0, 10.0)),
        angle=float(draw.uniform(0.0, 45.0)),
        side=SIDE,
    )


def sex_of(number: int) -> Sex:
    """Sexes take turns, patient by patient within a class."""
    return "M" if number // 8 % 2 else "F"

"""How well each way finds bones on natural-looking phantoms that nothing was trained on."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import available
from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.segmentation import ways as bone_ways
from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
from bonestudio.measures.bones import BONES, grouped
from bonestudio.metrics.segmentation import score_foreground
from bonestudio.phantoms.ordering import Kind, orders
from bonestudio.phantoms.truth import Phantom
from bonestudio.training.masked_films import render_masked
from bonestudio.training.tables.fingers import finger_errors
from bonestudio.training.tables.table import Cell, Table

SIZES = {"hand": 512, "wrist": 384, "forearm": 384}  # pixels of a film's height
_NEAR = 6.0  # mm around a bone within which bone pixels of no name are counted for it
Mask = NDArray[np.bool_]
Masks = Mapping[str, Mask]
COLUMNS = (
    "way", "anatomy", "N", "Dice", "IoU", "HD95, mm",
    *(f"Dice {bone}" for bone in BONES), "finger angle error, °", "fingers missed",
)  # fmt: skip


def segmentation_table(*, kinds: tuple[str, ...], count: int, seed: int) -> Table:
    """Score every way that has weights, and Otsu's threshold with morphology."""
    if count < 2:
        raise RequestError(f"At least 2 phantoms of each kind are scored, not {count}.")
    unknown = sorted(set(kinds) - set(SIZES))
    if unknown or not kinds:
        raise RequestError(f"Bones are scored on {', '.join(SIZES)}, not {unknown or 'nothing'}.")
    rows: list[list[Cell]] = []
    missing: list[str] = []
    for kind in kinds:
        phantoms = _phantoms(kind, count, seed)
        for name, segment in _ways(kind).items():
            if segment is None:
                missing.append(f"{name} ({kind})")
            else:
                rows.append([name, kind, count, *_scores(phantoms, segment)])
    return Table(
        name="segmentation",
        title="Bones found on natural-looking phantoms that nothing was trained on",
        columns=COLUMNS,
        rows=rows,
        plotted=("Dice", "IoU"),
        labels=2,
        notes=[
            f"{count} phantoms of each kind, seeds from {seed}; means with 95 % intervals.",
            "Dice, IoU and 95 % Hausdorff distance of bone against background, and Dice bone by bone.",
            f"Bones that a way does not name have the pixels nearest to them, within {_NEAR:g} mm.",
            "Finger angle: between the long axes of a phalanx found and true.",
            "Missed: phalanges of which less than a quarter of the pixels is found.",
            *([f"No weights here: {', '.join(missing)}."] if missing else []),
        ],
    )


def otsu(film: Radiograph) -> Mask:
    """Otsu's threshold after CLAHE, then opening, closing and the removal of small parts."""
    from skimage.filters import threshold_otsu
    from skimage.morphology import closing, disk, opening, remove_small_objects

    from bonestudio.imaging.contrast import clahe

    pixels = clahe(film).pixels
    # Twice: the first threshold parts the hand from the background, the second bone from flesh.
    flesh = pixels > threshold_otsu(pixels)
    bone = pixels > threshold_otsu(pixels[flesh]) if flesh.any() else flesh
    cleaned: Mask = remove_small_objects(
        closing(opening(bone, disk(1)), disk(2)), max_size=max(1, bone.size // 2000)
    )
    return cleaned


def _ways(kind: str) -> dict[str, Callable[[Radiograph], Masks] | None]:
    """Name → how to segment; None where weights are missing."""
    anatomy = "forearm" if kind == "forearm" else "hand"
    ways: dict[str, Callable[[Radiograph], Masks] | None] = {}
    for name in reversed(bone_ways.CYCLES[anatomy]):
        label = "multi-CycleGAN, paired" if "paired" in name else "multi-CycleGAN"
        for step, equation in (("two-step", 66), ("direct", 67)):
            ways[f"{label}, eq. {equation}"] = (
                _cycle(name, two_step=step == "two-step") if available(name) else None
            )
    ways["U-Net"] = _unet if available(bone_ways.UNET) else None
    ways["Otsu + morphology"] = lambda film: {"bone": otsu(film)}
    return ways


def _cycle(name: str, *, two_step: bool) -> Callable[[Radiograph], Masks]:
    return lambda film: {"bone": bone_ways.drawn_bone(film, name, two_step=two_step) > 0.5}


def _unet(film: Radiograph) -> Masks:
    return BoneSegmenter().segment(film, way="unet").masks


def _phantoms(kind: str, count: int, seed: int) -> list[Phantom[Radiograph]]:
    asked = cast("Kind", kind)
    return [
        render_masked(order, SIZES[kind])
        for order in orders(asked, count, seed=seed, style="natural", ages=(1.0, 19.0))
    ]


def _scores(
    phantoms: list[Phantom[Radiograph]], segment: Callable[[Radiograph], Masks]
) -> list[Cell]:
    overall: list[tuple[float, float, float]] = []
    each: dict[str, list[float]] = {bone: [] for bone in BONES}
    angles: list[float] = []
    missed: list[bool] = []
    for phantom in phantoms:
        found = segment(phantom.image)
        true = grouped(phantom.truth.masks)
        bone = np.logical_or.reduce(list(true.values()))
        drawn = np.logical_or.reduce([*found.values(), np.zeros_like(bone)])
        whole = score_foreground(drawn, bone, spacing=phantom.image.spacing)
        overall.append((whole.dice, whole.iou, whole.hd95))
        named = found if "bone" not in found else _nearest(drawn, true, phantom.image)
        for name, mask in true.items():
            guess = named.get(name, np.zeros_like(mask))
            each[name].append(score_foreground(guess, mask).dice)
        for error in finger_errors(drawn, phantom.truth.masks):
            missed.append(error is None)
            if error is not None:
                angles.append(error)
    return [
        *(_mean([row[i] for row in overall]) for i in range(3)),
        *(_mean(each[bone]) for bone in BONES),
        _mean(angles),
        float(np.mean(missed)) if missed else None,
    ]


def _nearest(drawn: Mask, true: Masks, film: Radiograph) -> dict[str, Mask]:
    """Share bone pixels out to the true bones that they are nearest to."""
    import edt

    step = film.spacing or (1.0, 1.0)
    names = list(true)
    far = np.stack([edt.edt(~true[n], anisotropy=step, black_border=False) for n in names])
    least = far.min(0)
    return {n: drawn & (far[i] <= least) & (far[i] <= _NEAR) for i, n in enumerate(names)}


def _mean(values: list[Any]) -> Cell:
    """Mean with the normal 95 % interval; None without values."""
    kept = np.array([v for v in values if np.isfinite(v)], np.float64)
    if len(kept) < 2:
        return float(kept[0]) if len(kept) else None
    mean, reach = float(kept.mean()), float(1.96 * kept.std(ddof=1) / np.sqrt(len(kept)))
    return mean, mean - reach, mean + reach

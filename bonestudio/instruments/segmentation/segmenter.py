"""Bones of a hand, wrist or forearm on a film: masks, bone by bone, and the wrist's measurements."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import available, find_card
from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.imaging.window import windowed
from bonestudio.instruments.segmentation.ways import (
    POINTS,
    UNET,
    WAYS,
    Way,
    by_cycle,
    by_unet,
    cycle_of,
    default_way,
)
from bonestudio.measures.bones import BONES, label_map, masks_of
from bonestudio.measures.wrist import RANGES, Range, WristMeasures, measure_end
from bonestudio.measures.wrist_frame import NotMeasurable, RadiusEnd, View, find_end
from bonestudio.measures.wrist_view import SEEN, WristView

Anatomy = Literal["hand", "forearm"]
Mask = NDArray[np.bool_]
SMALLEST_FILM = 32  # pixels of a side
_SPECK = 4e-5  # parts smaller than this share of the film are noise
_LEAST = 2e-4  # a bone of less than this share of the film is none: 43 pixels of 512 × 416
_SURE = 0.25  # probability near a point's peak below which the point is not believed
_VIEWS: Mapping[str, View] = {"PA": "PA", "AP": "PA", "LL": "LL", "RL": "LL", "LAT": "LL", "LATERAL": "LL"}  # fmt: skip
NO_BONES_TOLD_APART = (
    "This way gives bone as a whole; use the U-Net, which tells radius and ulna apart."
)


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """What was found on one film.

    Attributes
    ----------
    masks
        Bone (of BONES, or 'bone' where the way tells none apart) → [height, width]; they may
        overlap, as bones do on a film.
    way
        'unet', 'two-step' (equation 66 of paper 002) or 'direct' (67); 'edited' after a brush.
    wrist
        Measurements, each a number or the reason why there is none.
    view
        How a person says that the film was taken; None where nobody does.
    """

    film: Radiograph
    masks: Mapping[str, Mask]
    way: str
    model: str
    wrist: WristMeasures
    ranges: Mapping[str, Range] = field(default_factory=lambda: RANGES)
    seconds: float = 0.0
    view: View | None = None

    @property
    def labels(self) -> NDArray[np.uint8]:
        """[height, width]: 0 background, i + 1 for BONES[i]; 1 throughout where it is 'bone'."""
        if not self.masks:
            return np.zeros(self.film.shape, np.uint8)
        if "bone" in self.masks:
            return self.masks["bone"].astype(np.uint8)
        return label_map(self.masks)

    @property
    def learned_from(self) -> str:
        """Say in a few words whom the weights were learned from."""
        return {"rsna": "real hands", "phantom": "virtual patients", "own": "your own films"}[
            find_card(self.model)[0].family
        ]

    @property
    def bones(self) -> tuple[str, ...]:
        """Bones that its way tells apart, found or not: BONES, or ('bone',)."""
        return ("bone",) if "bone" in self.masks else BONES

    @property
    def names(self) -> dict[int, str]:
        """Label → bone."""
        if "bone" in self.masks:
            return {1: "bone"}
        return {BONES.index(bone) + 1: bone for bone in self.masks}

    def edited(self, labels: NDArray[np.uint8]) -> Self:
        """Take a label map that a person has corrected, and measure it anew by its outline."""
        if labels.shape != self.film.shape or labels.max(initial=0) > len(BONES):
            raise RequestError(
                f"An edited mask has the film's shape {self.film.shape} and labels 0 to {len(BONES)}."
            )
        return self.with_masks(masks_of(labels))

    def with_masks(self, masks: Mapping[str, Mask]) -> Self:
        """Take masks [height, width] that a person has corrected, and measure them anew."""
        if any(mask.shape != self.film.shape for mask in masks.values()):
            raise RequestError(f"An edited mask has the film's shape {self.film.shape}.")
        if self.bones == ("bone",):  # nothing told apart, nothing measured
            return replace(self, masks={"bone": masks["bone"]}, way="edited")
        kept = {bone: mask for bone, mask in masks.items() if mask.any()}
        wrist = measured(windowed(self.film), kept, view=self.view, ranges=self.ranges)
        return replace(self, masks=kept, way="edited", wrist=wrist)

    def seen_from(self, view: View | None) -> Self:
        """Measure it as a film from the front ('PA') or the side ('LL'); None: as the mask shows."""
        if "bone" in self.masks:
            return replace(self, view=view)
        wrist = measured(windowed(self.film), self.masks, view=view, ranges=self.ranges)
        return replace(self, wrist=wrist, view=view)

    def with_landmarks(self, landmarks: Mapping[str, Sequence[float]]) -> Self:
        """Take landmarks (row, column) that a person has dragged."""
        wrist = self.wrist
        for name, place in landmarks.items():
            wrist = wrist.moved(name, place)
        return replace(self, wrist=wrist)

    def dice(self, truth: NDArray[np.uint8]) -> dict[str, float]:
        """Dice of each bone, and of 'bone' as a whole, against a label map [height, width]."""
        if truth.shape != self.film.shape:
            raise RequestError(
                f"A true mask has the film's size, {self.film.shape[0]} × {self.film.shape[1]} "
                f"pixels, not {truth.shape[0]} × {truth.shape[1]}."
            )
        scores = {"bone": _dice(self.labels > 0, truth > 0)}
        if "bone" not in self.masks:
            known = masks_of(truth)
            nothing = np.zeros(truth.shape, bool)
            for bone in BONES:
                if bone in known or bone in self.masks:
                    drawn, true = self.masks.get(bone, nothing), known.get(bone, nothing)
                    scores[bone] = _dice(drawn, true)
        return scores

    def told(self) -> dict[str, Any]:
        """Return it as plain data, for JSON; angles to 0.1°, lengths to 0.1 mm: no film tells more."""
        wrist = self.wrist.told()
        for row in wrist["measurements"]:
            row["value"] = None if row["value"] is None else round(row["value"], 1)
        area = float(np.prod(self.film.spacing)) if self.film.spacing else None
        bones = [
            {
                "bone": bone,
                "pixels": int(mask.sum()),
                "area_mm2": None if area is None else round(float(mask.sum()) * area, 1),
            }
            for bone, mask in self.masks.items()
        ]
        return {
            "way": self.way,
            "model": self.model,
            "bones": bones,
            "wrist": wrist,
            "seconds": round(self.seconds, 2),
        }


class BoneSegmenter:
    """Finds bones; weights are loaded with the first film and kept.

    >>> found = BoneSegmenter().segment(read_radiograph("wrist.dcm"))
    >>> found.wrist["radial_inclination"].value
    """

    def segment(
        self,
        film: Radiograph,
        *,
        way: Way = "auto",
        anatomy: Anatomy = "hand",
        view: View | None = None,
        ranges: Mapping[str, Range] = RANGES,
    ) -> Segmentation:
        """Segment a film and measure its wrist.

        Parameters
        ----------
        way
            'unet': every bone by itself; 'two-step' and 'direct': paper 002's, bone as a whole;
            'auto': the U-Net.
        anatomy
            Which multi-CycleGAN: 'hand' (wrists too) or 'forearm'.
        view
            'PA' or 'LL'; by default what the mask shows.
        """
        if way not in WAYS:
            raise RequestError(f"A way to segment is one of {', '.join(WAYS)}, not {way!r}.")
        if anatomy not in {"hand", "forearm"}:
            raise RequestError(f"An anatomy is 'hand' or 'forearm', not {anatomy!r}.")
        if min(film.shape) < SMALLEST_FILM:
            raise RequestError(
                f"A film of {film.shape[0]} × {film.shape[1]} pixels is too small to segment; "
                f"{SMALLEST_FILM} are the least."
            )
        began = time.perf_counter()
        shown = windowed(film)
        chosen = default_way(anatomy) if way == "auto" else way
        if chosen == "unet":
            model = UNET
            found = {bone: _cleaned(share > 0.5) for bone, share in by_unet(shown).items()}
            least = max(4, _LEAST * found[BONES[0]].size)
            masks = {bone: mask for bone, mask in found.items() if mask.sum() >= least}
            wrist = measured(shown, masks, view=view, ranges=ranges)
        else:
            bone = by_cycle(shown, anatomy=anatomy, two_step=chosen == "two-step") > 0.5
            model = str(cycle_of(anatomy))
            masks = {"bone": _cleaned(bone)}
            wrist = WristMeasures.refused(NO_BONES_TOLD_APART, spacing=film.spacing, ranges=ranges)
        return Segmentation(
            film=film,
            masks=masks,
            way=chosen,
            model=model,
            wrist=wrist,
            ranges=ranges,
            seconds=time.perf_counter() - began,
            view=view,
        )


def measured(
    film: Radiograph,
    masks: Mapping[str, Mask],
    *,
    view: View | None = None,
    ranges: Mapping[str, Range] = RANGES,
) -> WristMeasures:
    """Measure a wrist by its masks, its points by the film where their network is there."""
    asked = view or _VIEWS.get((film.view or "").upper())
    try:
        end = find_end(masks, view=asked)
    except NotMeasurable as reason:
        return WristMeasures.refused(str(reason), spacing=film.spacing, ranges=ranges)
    points = points_on(film, end) if available(POINTS) else None
    return measure_end(end, masks, spacing=film.spacing, points=points, ranges=ranges)


def points_on(film: Radiograph, end: RadiusEnd) -> dict[str, tuple[float, float]]:
    """Find the joint's points on the film, (row, column); those that are not sure are left out."""
    import torch

    from bonestudio.checkpoints.store import loaded

    checkpoint = loaded(POINTS)
    finder: Any = checkpoint["points"]
    view = WristView(end)
    shown = view.cut(film.pixels, int(checkpoint.card.settings["size"]))
    places, sure = finder.places(torch.from_numpy(shown)[None, None] * 2 - 1)
    names = list(checkpoint.card.settings["points"])
    on_film = view.to_film(places[0].double().numpy())
    return {
        name: (float(place[0]), float(place[1]))
        for name, place, share in zip(names, on_film, sure[0].tolist(), strict=True)
        if name in SEEN[end.view] and share >= _SURE
    }


def _dice(drawn: Mask, true: Mask) -> float:
    both = 2 * int((drawn & true).sum())
    return both / max(1, int(drawn.sum()) + int(true.sum()))


def _cleaned(mask: Mask) -> Mask:
    """Remove specks and fill pinholes."""
    import cc3d

    least = max(4, round(_SPECK * mask.size))
    kept = cc3d.dust(mask.astype(np.uint8), threshold=least, connectivity=8)
    filled = ~cc3d.dust((kept == 0).astype(np.uint8), threshold=least, connectivity=4).astype(bool)
    cleaned: Mask = filled
    return cleaned

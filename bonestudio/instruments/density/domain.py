"""Whether a density may be told of a film at all: of a native adult hip, whole, as the model knows them.

Three things are looked at: how far the film lies from those learned from, in the encoder's own
features; what the estimated map looks like; and whether there is metal. What is 'out' has no value.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.instruments.domain import FAR, USUAL, Domain
from bonestudio.measures.density_regions import HipRegions, find_regions, proximal_femur

if TYPE_CHECKING:
    from bonestudio.checkpoints.store import Checkpoint

Pixels = NDArray[np.float32]
AREA: Final = (0.02, 0.12)
"""Share of half a film that a whole proximal femur takes; virtual adults take 0.04 to 0.09."""
DENSITIES: Final = (0.35, 1.9)
"""g/cm² by equation 2 between which adults lie; virtual ones from 0.55 to 1.6."""
METAL: Final = ((0.9, 0.75, 0.004), (0.75, 0.7, 0.04))
"""Bright pieces that are metal: of such a share of the brightest level, falling to such a share of their
own beyond the edge, larger than such a share of the film. Of 200 films of virtual hips none is called
metal by these; of the same with a rod painted in, all."""
FOREIGN: Final = 2 * FAR
"""Distance, over the limit, from which a film is no hip at all, whatever else is to be said of it."""
UNLIKE: Final = (
    "This does not look like the films of hips that this model knows: one adult hip from the front, "
    "half a pelvis film; no density is told."
)
STRANGE: Final = (
    "This does not look like the films of hips that this model knows, and a part of it is as bright and as sharp as "
    "metal; density is told of native hips alone."
)
NO_FEMUR: Final = "No proximal femur is found on this film."
_GRAIN = 1.0  # pixels that grain is smoothed over
_CRUMB = 0.001  # share of the film below which a piece is not looked at
_MARGIN = 2  # pixels


def judge(
    film: Pixels, density: Pixels, distance: float | None
) -> tuple[Domain, HipRegions | None]:
    """Judge a prepared film [h, w] in [0, 1], its estimated map and its distance over the limit.

    Returns the verdict and the regions of the map, None where there are none.
    """
    regions: HipRegions | None = None
    foreign = distance is not None and distance > FOREIGN
    reason = _foreign_reason(film) if foreign else _map_reason(film, density)
    try:
        regions = find_regions(density)
    except ImageError:
        reason = reason or NO_FEMUR
    if reason is not None:
        return Domain(verdict="out", reason=reason, distance=distance), regions
    if distance is None:
        told = "Nothing is known of the films that this model was tried on."
        return Domain(verdict="doubtful", reason=told), regions
    if distance > FAR:
        return Domain(verdict="out", reason=UNLIKE, distance=distance), regions
    if distance > 1:
        told = "This film is unlike 98 of 100 that this model was tried on; take its density with care."
        return Domain(verdict="doubtful", reason=told, distance=distance), regions
    told = "This film lies among those of hips that this model knows."
    return Domain(verdict="in-domain", reason=told, distance=distance), regions


def distance_of(weights: "Checkpoint", film: Any) -> float | None:
    """Distance of a film [1, 1, h, w] in [-1, 1] from those learned from, over its limit."""
    limit = weights.card.settings.get("distances", {}).get(USUAL)
    if not limit or "familiar" not in weights.networks:
        return None
    generator: Any = weights["generator"]
    far = weights["familiar"](generator.encoder.described(film), 0)
    return float(far) / float(limit)


def _foreign_reason(film: Pixels) -> str:
    """Say why a film that is far from every hip is refused."""
    return STRANGE if has_metal(film) else UNLIKE


def _map_reason(film: Pixels, density: Pixels) -> str | None:
    """Say why a map cannot be trusted, or None."""
    if has_metal(film):
        return "There is metal on this hip, an implant or a screw; density is told of native hips alone."
    femur = proximal_femur(density)
    if not femur.any():
        return NO_FEMUR
    rows, columns = np.flatnonzero(femur.any(1)), np.flatnonzero(femur.any(0))
    height, width = density.shape
    if (
        rows[0] < _MARGIN
        or rows[-1] >= height - _MARGIN
        or columns[0] < _MARGIN
        or columns[-1] >= width - _MARGIN
    ):
        return "The hip is cut off by the film's edge; the whole proximal femur must be seen."
    if not AREA[0] < femur.mean() < AREA[1]:
        return "What is found is not of a proximal femur's size; half a pelvis film is expected."
    value = float(density[femur].mean())
    if not DENSITIES[0] < value < DENSITIES[1]:
        return (
            "The density that comes out is no adult's; something on this film misleads the model."
        )
    return None


def has_metal(film: Pixels) -> bool:
    """Whether a bright piece of the film ends as sharply as metal does.

    Dense bone is as white as metal on many a film, but it fades into what is around it.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(film, _GRAIN)
    return any(_sharp_share(smooth, level, fall) > area for level, fall, area in METAL)


def _sharp_share(film: Pixels, level: float, fall: float) -> float:
    """Share of the film in pieces above ``level`` of its brightest whose surroundings fall below ``fall``."""
    from scipy import ndimage

    bright = film >= level * float(film.max())
    parts, count = ndimage.label(bright)
    share = 0.0
    for piece in range(1, count + 1):
        inside = parts == piece
        if inside.mean() < _CRUMB:
            continue
        near = ndimage.binary_dilation(inside)
        ring = ndimage.binary_dilation(near, iterations=2) & ~near & ~bright
        if ring.any() and np.median(film[ring]) < fall * np.median(film[inside]):
            share += float(inside.mean())
    return share

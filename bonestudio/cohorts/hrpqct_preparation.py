"""From a scan of any size to the networks' stacks, and back (paper 003, 'Data preparation').

A scan [slices, rows, columns] at 60.7 µm is cropped or padded to 168 × 576 × 448, halved to
84 × 288 × 224 and cut into four overlapping stacks of 32 slices. Values stay in mg HA/cm³.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError

Shape = tuple[int, int, int]
Array = NDArray[np.float32]

FULL: Shape = (168, 576, 448)
HALF: Shape = (84, 288, 224)
STACK = 32
STARTS = (0, 17, 35, 52)  # four stacks of 32 that cover 84 slices
CLIP = 1000.0  # the paper's bound on the cosine coefficients of the noise volume


@dataclass(frozen=True)
class Placement:
    """Where a scan lies in the padded volume, for the way back.

    Attributes
    ----------
    original
        Shape of the scan.
    source, target
        For each axis (start, stop) in the scan and in the padded volume.
    """

    original: Shape
    source: tuple[tuple[int, int], ...]
    target: tuple[tuple[int, int], ...]

    @property
    def halved(self) -> "Placement":
        """The same place after halving (a half voxel at an odd edge goes to the inside)."""
        target = tuple(
            (-(-low // 2), max(-(-low // 2) + 1, high // 2)) for low, high in self.target
        )
        source = tuple((0, high - low) for low, high in target)
        sizes = [high - low for low, high in target]
        return Placement((sizes[0], sizes[1], sizes[2]), source, target)


def place(original: Shape, shape: Shape = FULL) -> Placement:
    """Centre a scan of shape ``original`` in ``shape``: crop what is too long, pad what is too short."""
    source, target = [], []
    for have, want in zip(original, shape, strict=True):
        kept = min(have, want)
        source.append(((have - kept) // 2, (have - kept) // 2 + kept))
        target.append(((want - kept) // 2, (want - kept) // 2 + kept))
    return Placement(original, tuple(source), tuple(target))


def pad_with_noise(
    scan: Array, shape: Shape = FULL, *, clip: float = CLIP
) -> tuple[Array, Placement]:
    """Crop or pad a scan to ``shape``; what is padded holds the scan's own noise, never mirrored bone.

    The mirrored scan is taken apart into cosines (orthonormal DCT-II) and each coefficient is clipped to
    ±``clip``: bone lives in few large coefficients and is flattened, noise in many small ones stays.
    The mean is the scan's background, which the clipped zeroth coefficient would lose.
    """
    if scan.ndim != 3 or min(scan.shape) < 2:
        raise ImageError(
            f"A scan has slices, rows and columns, two of each or more, not {scan.shape}."
        )
    if not np.isfinite(scan).all():
        raise ImageError("The scan holds values that are not numbers; repair or crop it first.")
    where = place((scan.shape[0], scan.shape[1], scan.shape[2]), shape)
    kept = scan[tuple(slice(*s) for s in where.source)].astype(np.float32)
    if kept.shape == shape:
        return kept, where
    mirrored = np.pad(
        kept,
        [(low, want - high) for (low, high), want in zip(where.target, shape, strict=True)],
        mode="symmetric",
    )
    noise = noise_volume(mirrored, clip=clip)
    noise += background(kept) - noise.mean()
    noise[tuple(slice(*t) for t in where.target)] = kept
    return noise, where


def noise_volume(volume: Array, *, clip: float = CLIP) -> Array:
    """Clip the cosine coefficients of a volume to ±``clip`` (paper 003, figure 2)."""
    from scipy.fft import dctn, idctn

    coefficients = dctn(volume, norm="ortho", workers=2, overwrite_x=False)
    np.clip(coefficients, -clip, clip, out=coefficients)
    noise: Array = idctn(coefficients, norm="ortho", workers=2, overwrite_x=True)
    return noise


def background(scan: Array) -> float:
    """Soft tissue around the bone: the peak of the values on the scan's side walls, in its unit."""
    walls = np.concatenate(
        [scan[:, :2].ravel(), scan[:, -2:].ravel(), scan[:, :, :2].ravel(), scan[:, :, -2:].ravel()]
    )
    # Bone that leaves the scan is bright: the median of the lower three quarters passes it by.
    return float(np.median(walls[walls <= np.percentile(walls, 75)]))


def take_out(volume: Array, where: Placement) -> Array:
    """Undo the padding: what was cropped away stays lost, the rest returns as [slices, rows, columns]."""
    return volume[tuple(slice(*t) for t in where.target)]


def halve(volume: Array) -> Array:
    """Halve each axis by the mean of 2 × 2 × 2 voxels (an odd last slice, row or column is left out)."""
    z, y, x = (n // 2 for n in volume.shape)
    blocks = volume[: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2)
    halved: Array = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return halved


def cut_stacks(volume: Array, *, starts: Sequence[int] = STARTS, length: int = STACK) -> Array:
    """Cut overlapping stacks [stacks, length, rows, columns] from [84, rows, columns]."""
    if max(starts) + length > len(volume):
        raise ImageError(
            f"Stacks of {length} slices from {list(starts)} need {max(starts) + length} slices, not {len(volume)}."
        )
    return np.stack([volume[s : s + length] for s in starts])


def stitch_stacks(stacks: Array, *, starts: Sequence[int] = STARTS) -> Array:
    """Join overlapping stacks [stacks, length, rows, columns] without a seam: [slices, rows, columns].

    Where two overlap, the weight goes over from one to the other along a raised cosine.
    """
    length = stacks.shape[1]
    slices = max(starts) + length
    total = np.zeros((slices, *stacks.shape[2:]), dtype=np.float32)
    weights = np.zeros(slices, dtype=np.float32)
    order = np.argsort(starts)
    for rank, index in enumerate(order):
        weight = np.ones(length, dtype=np.float32)
        if rank > 0:
            weight = np.minimum(
                weight, _ramp(starts[order[rank - 1]] + length - starts[index], length)
            )
        if rank < len(order) - 1:
            weight = np.minimum(
                weight, _ramp(starts[index] + length - starts[order[rank + 1]], length)[::-1]
            )
        weight = weight.clip(min=1e-6)
        here = slice(starts[index], starts[index] + length)
        total[here] += stacks[index] * weight[:, None, None]
        weights[here] += weight
    if (weights == 0).any():
        raise ImageError("The stacks leave slices between them that none covers.")
    return (total / weights[:, None, None]).astype(np.float32, copy=False)


def _ramp(overlap: int, length: int) -> Array:
    """Rise from 0 to 1 over the first ``overlap`` of ``length`` slices."""
    rise = np.ones(length, dtype=np.float32)
    if overlap > 0:
        rise[:overlap] = np.sin(0.5 * np.pi * (np.arange(overlap) + 0.5) / overlap) ** 2
    return rise


def augment(
    stack: Array, random: np.random.Generator, *, degrees: float = 10.0, zoom: float = 1.15
) -> Array:
    """Turn a stack [slices, rows, columns] within ±``degrees`` in the plane and zoom in by 1 to ``zoom``.

    The border mirrors: with zooming in, little of it shows.
    """
    angle = np.deg2rad(random.uniform(-degrees, degrees))
    return turn_and_zoom(stack, angle, float(random.uniform(1.0, zoom)))


def turn_and_zoom(stack: Array, angle: float, zoom: float) -> Array:
    """Rotate by ``angle`` (radians) and magnify by ``zoom`` about the middle of every slice."""
    from scipy.ndimage import affine_transform

    cosine, sine = np.cos(angle) / zoom, np.sin(angle) / zoom
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    centre = (np.array(stack.shape[1:]) - 1) / 2
    offset = centre - matrix @ centre
    return np.stack(
        [
            affine_transform(
                layer, matrix, offset=offset, order=1, mode="mirror", output=np.float32
            )
            for layer in stack
        ]
    )

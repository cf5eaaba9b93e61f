"""Make a volume ready for a screen: its windows, its surface, a small copy, a difference.

A screen shows a volume of some three million voxels, not the hundreds of millions of an HR-pQCT
stack; :func:`preview` averages whole blocks of voxels, so each number on the screen is the mean of
voxels that were measured.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonestudio.errors import RequestError, StorageError
from bonestudio.imaging.types import Volume

Window = tuple[float, float]

# Windows as radiologists know them (centre 400, width 1800 is the common bone window of CT), and
# for HR-pQCT the range between marrow and compact bone (Whittier et al., Osteoporos Int 2020).
_WINDOWS: dict[str, dict[str, Window]] = {
    "HU": {"Bone": (-500.0, 1300.0), "Cortex": (200.0, 2000.0), "Soft tissue": (-160.0, 240.0)},
    "mg HA/cm³": {
        "Bone": (-200.0, 1200.0),
        "Trabeculae": (-100.0, 600.0),
        "Cortex": (300.0, 1300.0),
    },
}
# Where the surface of bone is drawn: 226 HU is the usual bone threshold of segmentation software,
# 320 mg HA/cm³ the fixed threshold of second-generation HR-pQCT (Whittier et al., 2020).
_SURFACES = {"HU": 226.0, "mg HA/cm³": 320.0}


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A small NIfTI of a volume, for a browser.

    Attributes
    ----------
    path
        NIfTI-1, gzip; 16-bit integers with a slope, in the unit of the volume.
    spacing
        (slice, row, column) of the small copy in mm; 1 where the file does not say.
    factors
        How many voxels of the file one voxel of the copy stands for, along each axis.
    step
        Smallest difference of values that the copy can hold, in the unit of the volume.
    """

    path: Path
    spacing: tuple[float, float, float]
    factors: tuple[int, int, int]
    step: float


def windows(volume: Volume) -> dict[str, Window]:
    """Return display windows by name, (low, high) in the volume's unit; the first is the default.

    A window that would show one flat tone (a binary mask in HU) is left out.
    """
    sample = volume.voxels[:: max(1, volume.shape[0] // 64), ::2, ::2]
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if high <= low:
        return {"Full": (low, low + 1.0)}
    near, far = (float(v) for v in np.percentile(sample, (1.0, 99.8)))
    chosen = {
        name: (a, b)
        for name, (a, b) in _WINDOWS.get(volume.unit, {}).items()
        if min(far, b) - max(near, a) > 0.1 * (b - a)
    }
    if not chosen:
        chosen["Auto"] = (near, far) if far > near else (low, high)
    return chosen | {"Full": (low, high)}


def surface_level(volume: Volume) -> float:
    """Return the value at which the bone's surface is drawn, in the volume's unit.

    The fixed threshold of the unit where the scan reaches it, otherwise Otsu's. Only a drawing
    depends on it; a unit that the file does not say is never taken from it.
    """
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    step = max(1, round((volume.voxels.size / 2_000_000) ** (1 / 3)))
    sample = volume.voxels[::step, ::step, ::step]
    unit = volume.unit
    if unit == "unknown" and -1100 < float(np.percentile(sample, 1)) < -850:
        unit = "HU"  # air as CT has it: Otsu's threshold would draw the skin
    fixed = _SURFACES.get(unit)
    if fixed is not None and low < fixed < high:
        return fixed
    if high <= low:
        raise RequestError(
            "every voxel of the scan has the same value: there is no surface to draw"
        )
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(sample))


def shrink(volume: Volume, *, max_voxels: int) -> tuple[Volume, tuple[int, int, int]]:
    """Average whole blocks of voxels until at most ``max_voxels`` are left.

    Returns the smaller volume and the block's size (slices, rows, columns). The axis with the
    finest voxels is thinned first, so that the result comes near cubic voxels.
    """
    if max_voxels < 1:
        raise RequestError("a preview needs at least one voxel")
    spacing = volume.spacing or (1.0, 1.0, 1.0)
    factors = [1, 1, 1]

    def left(axis: int) -> int:
        return -(-volume.shape[axis] // factors[axis])

    while left(0) * left(1) * left(2) > max_voxels:
        axis = min((a for a in range(3) if left(a) > 1), key=lambda a: (spacing[a] * factors[a], a))
        factors[axis] += 1
    voxels = volume.voxels
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, volume.shape[axis], factor)
            lengths = np.diff(starts, append=volume.shape[axis])
            shape = [1, 1, 1]
            shape[axis] = -1
            sums = np.add.reduceat(voxels, starts, axis=axis)
            voxels = (sums / lengths.reshape(shape)).astype(np.float32)
    small = Volume(
        voxels=np.ascontiguousarray(voxels, np.float32),
        spacing=tuple(s * f for s, f in zip(spacing, factors, strict=True))  # type: ignore[arg-type]
        if volume.spacing
        else None,
        unit=volume.unit,
    )
    return small, (factors[0], factors[1], factors[2])


def preview(
    volume: Volume, *, folder: Path, max_voxels: int = 3_000_000, name: str = "volume"
) -> Preview:
    """Write a small NIfTI of a volume into a folder.

    Columns run to the patient's left, rows to the back, slices to the head, which is how every
    reader of :mod:`bonestudio.imaging` hands volumes over; voxel (0, 0, 0) of the file lies at 0 mm.
    Values are stored exactly where they are whole numbers, else in 65 000 steps of their range.
    """
    small, factors = shrink(volume, max_voxels=max_voxels)
    path = folder / f"{name}.nii.gz"
    step = _write_nifti(small, path, factors=factors)
    spacing = small.spacing or (float(factors[0]), float(factors[1]), float(factors[2]))
    return Preview(path=path, spacing=spacing, factors=factors, step=step)


def _write_nifti(small: Volume, path: Path, *, factors: tuple[int, int, int]) -> float:
    import nibabel as nib

    voxels = np.nan_to_num(small.voxels)
    low, high = float(voxels.min()), float(voxels.max())
    whole = bool(np.all(voxels == np.rint(voxels))) and low >= -32768 and high <= 32767
    step = 1.0 if whole else max((high - low) / 65000.0, 1e-12)
    middle = 0.0 if whole else (low + high) / 2
    stored = np.rint((voxels - middle) / step).astype(np.int16)
    spacing = small.spacing or (float(factors[0]), float(factors[1]), float(factors[2]))
    dz, dy, dx = spacing
    # A block's centre lies (factor − 1)/2 voxels of the file after its first voxel.
    shift = [s / f * (f - 1) / 2 for s, f in zip(spacing, factors, strict=True)]
    affine = np.array(
        [[-dx, 0, 0, -shift[2]], [0, -dy, 0, -shift[1]], [0, 0, dz, shift[0]], [0, 0, 0, 1.0]]
    )
    image = nib.Nifti1Image(stored.transpose(2, 1, 0), affine)
    image.header.set_slope_inter(step, middle)
    image.header.set_xyzt_units("mm")
    try:
        # Level 1: a local browser waits for the packing, not for the wire.
        path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))
    except OSError as error:
        raise StorageError(f"the preview could not be written: {error.strerror}") from error
    return step


def difference(before: Volume, after: Volume) -> Volume:
    """Return after − before, for the red and blue map."""
    if before.shape != after.shape:
        raise RequestError(
            f"a difference needs two volumes of one size, not {before.shape} and {after.shape}"
        )
    return Volume(voxels=after.voxels - before.voxels, spacing=after.spacing, unit=after.unit)

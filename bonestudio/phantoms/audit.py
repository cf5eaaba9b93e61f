"""How far phantoms are from real films, in numbers.

Both sets go through the same window first (each image from its own 0.5 to its 99.5 percentile), so
that what is compared is the picture and not the archive's exposure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError

Pixels = NDArray[np.floating[Any]]
BINS = 64
GRADIENT_LIMIT = 0.5  # grey levels per pixel; steeper is rarer than 1 in 10 000


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Distances between two sets of images; 0 is alike.

    Attributes
    ----------
    histogram
        Earth mover's distance between mean grey-level histograms, in grey levels of 0 to 1.
    spectrum
        Root mean square difference of the mean radial power spectra in decades of power.
    slope
        (phantoms, reals): exponent of the power spectrum between 0.04 and 0.25 cycles per pixel.
    gradient
        Earth mover's distance between distributions of gradient magnitude, grey levels per pixel.
    gradient_mean
        (phantoms, reals): mean gradient magnitude.
    cortical_index
        (phantoms, reals): median share of the bone's width at mid-height that is cortex, read from
        the brightness profile; NaN where no bone stands in the middle.
    count
        (phantoms, reals).
    """

    histogram: float
    spectrum: float
    slope: tuple[float, float]
    gradient: float
    gradient_mean: tuple[float, float]
    cortical_index: tuple[float, float]
    count: tuple[int, int]


def audit(phantoms: Sequence[Pixels], reals: Sequence[Pixels]) -> Audit:
    """Compare phantoms with real films: two sequences of [height, width] images of one shape."""
    if not len(phantoms) or not len(reals):
        raise RequestError("An audit needs at least one phantom and one real image.")
    shapes = {np.shape(image) for image in (*phantoms, *reals)}
    if len(shapes) != 1:
        raise RequestError(
            f"An audit compares images of one size; these have {len(shapes)}: "
            f"{', '.join('×'.join(map(str, s)) for s in sorted(shapes)[:4])}."
        )
    ours, theirs = (np.stack([windowed(i) for i in images]) for images in (phantoms, reals))
    spectra = [radial_spectrum(images) for images in (ours, theirs)]
    gradients = [_gradient(images) for images in (ours, theirs)]
    return Audit(
        histogram=_earth_mover(*(_histogram(i, 1.0) for i in (ours, theirs)), width=1.0),
        spectrum=float(np.sqrt(np.mean((spectra[0] - spectra[1])[2:] ** 2))),
        slope=(_slope(spectra[0]), _slope(spectra[1])),
        gradient=_earth_mover(
            *(_histogram(g, GRADIENT_LIMIT) for g in gradients), width=GRADIENT_LIMIT
        ),
        gradient_mean=(float(gradients[0].mean()), float(gradients[1].mean())),
        cortical_index=(_median_index(ours), _median_index(theirs)),
        count=(len(phantoms), len(reals)),
    )


def windowed(image: Pixels) -> NDArray[np.float64]:
    """Stretch an image [h, w] from its 0.5 to its 99.5 percentile onto 0 to 1."""
    low, high = np.percentile(image, [0.5, 99.5])
    stretched: NDArray[np.float64] = ((image - low) / max(high - low, 1e-6)).clip(0, 1)
    return stretched.astype(np.float64)


def radial_spectrum(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log10 power by frequency, averaged over directions and images [n, h, w] → [bins].

    Bin k holds frequencies around k / min(h, w) cycles per pixel; a Hann window keeps the frame's
    edges out.
    """
    _, height, width = images.shape
    taper = np.outer(np.hanning(height), np.hanning(width))
    means = images.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2((images - means) * taper)) ** 2
    rows, columns = np.fft.fftfreq(height), np.fft.fftfreq(width)
    ring = np.round(np.hypot(rows[:, None], columns) * min(height, width)).astype(int)
    kept = ring <= min(height, width) // 2
    mean_log = np.log10(power + 1e-9).mean(axis=0)
    spectrum: NDArray[np.float64] = np.bincount(ring[kept], mean_log[kept]) / np.bincount(
        ring[kept]
    )
    return spectrum


def cortical_index(image: Pixels) -> float:
    """Return the share of the bone's width that is cortex, half-way up a windowed upright bone.

    The mean profile of the middle tenth has a bright ridge at either cortex. Each cortex reaches
    from the outer half-height of its ridge to where the profile has fallen half-way to the marrow
    between the ridges; a bone without a darker middle has index 1. NaN without a bone.
    """
    height = image.shape[0]
    band = np.asarray(image, dtype=float)[round(0.45 * height) : round(0.55 * height)]
    profile = band.mean(axis=0)
    tissue = np.median(profile[profile > 0.15]) if (profile > 0.15).any() else np.nan
    bone = np.flatnonzero(profile > (tissue + profile.max()) / 2)
    if np.isnan(tissue) or len(bone) < 6:
        return float("nan")
    left, right = int(bone[0]), int(bone[-1])
    inside = profile[left : right + 1]
    half = len(inside) // 2
    first, last = int(inside[:half].argmax()), half + int(inside[half:].argmax())
    marrow = inside[first : last + 1].min()
    limits = [(inside[peak] + marrow) / 2 for peak in (first, last)]
    inner_left = first + int(np.argmax(inside[first:] <= limits[0]))
    inner_right = last - int(np.argmax(inside[last::-1] <= limits[1]))
    if inner_right <= inner_left:
        return 1.0
    return 1.0 - (inner_right - inner_left) / len(inside)


def features(image: Pixels) -> NDArray[np.float64]:
    """Describe one windowed image in 60 numbers for a simple phantom-or-real classifier."""
    one = image[None].astype(np.float64)
    grey = _histogram(one, 1.0).reshape(16, -1).sum(axis=1)
    gradient = _histogram(_gradient(one), GRADIENT_LIMIT).reshape(16, -1).sum(axis=1)
    spectrum = radial_spectrum(one)
    return np.concatenate(
        [
            grey,
            gradient,
            np.interp(np.linspace(1, len(spectrum) - 1, 28), np.arange(len(spectrum)), spectrum),
        ]
    )


def _median_index(images: NDArray[np.float64]) -> float:
    values = np.array([cortical_index(image) for image in images])
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else float("nan")


def _histogram(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    counts, _ = np.histogram(values.clip(0, limit), bins=BINS, range=(0.0, limit))
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _earth_mover(one: NDArray[np.float64], other: NDArray[np.float64], *, width: float) -> float:
    return float(np.abs(np.cumsum(one - other)).sum() * width / BINS)


def _gradient(images: NDArray[np.float64]) -> NDArray[np.float64]:
    down, across = np.gradient(images, axis=(1, 2))
    steepness: NDArray[np.float64] = np.hypot(down, across)
    return steepness


def _slope(spectrum: NDArray[np.float64]) -> float:
    """Fit log power against log frequency."""
    bins = len(spectrum) - 1
    ring = np.arange(round(0.08 * bins), round(0.5 * bins) + 1)
    return float(np.polyfit(np.log10(ring), spectrum[ring], 1)[0])

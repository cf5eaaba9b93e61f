"""How alike two images are: SSIM, PSNR and gradient correlation, whole or inside a region."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError

Image = NDArray[Any]


def psnr(image: Image, truth: Image, *, peak: float = 1.0, region: Image | None = None) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal images."""
    _check(image, truth, region)
    difference = (image.astype(np.float64) - truth) ** 2
    error = difference[region.astype(bool)].mean() if region is not None else difference.mean()
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))


def ssim(image: Image, truth: Image, *, peak: float = 1.0, region: Image | None = None) -> float:
    """Structural similarity (Wang 2004: Gaussian window σ 1.5), averaged over the region if given."""
    from skimage.metrics import structural_similarity

    _check(image, truth, region)
    mean, per_pixel = structural_similarity(
        image.astype(np.float64),
        truth.astype(np.float64),
        data_range=peak,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(mean if region is None else per_pixel[region.astype(bool)].mean())


def gradient_correlation(image: Image, truth: Image) -> float:
    """Mean over the axes of the correlation between the derivatives along that axis, in [−1, 1].

    As Penney 1998 defines it for registration and paper 004 uses it as a loss; an axis along which
    either image is constant counts as 0.
    """
    _check(image, truth, None)
    scores = []
    for axis in range(image.ndim):
        a = np.gradient(image.astype(np.float64), axis=axis).ravel()
        b = np.gradient(truth.astype(np.float64), axis=axis).ravel()
        a, b = a - a.mean(), b - b.mean()
        norm = np.linalg.norm(a) * np.linalg.norm(b)
        scores.append(float(a @ b / norm) if norm > 0 else 0.0)
    return float(np.mean(scores))


def _check(image: Image, truth: Image, region: Image | None) -> None:
    shapes = {image.shape, truth.shape} | ({region.shape} if region is not None else set())
    if len(shapes) > 1:
        raise RequestError(f"Images to be compared must have one shape, not {sorted(shapes)}.")
    if region is not None and not region.any():
        raise RequestError("The region to compare in is empty.")

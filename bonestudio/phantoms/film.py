"""From the detector's signal to a film as it hangs in the archive.

`Look` says how one film was taken and developed; `develop` turns transmission into pixels. The
clean *synthetic* style is an ideal film with one exposure; the *natural* style draws for each film
the dose, sharpness, scatter, edge enhancement and window that differ between hospitals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from bonestudio.phantoms import chance
from bonestudio.phantoms.patient import Style
from bonestudio.phantoms.physics import blur, count_quanta, veil


@dataclass(frozen=True)
class Look:
    """How films were taken and developed; each a tensor [batch].

    Attributes
    ----------
    blur_px
        Focal spot, detector and resizing together: standard deviation in pixels.
    scatter
        Scatter-to-primary ratio.
    quanta
        Quanta per pixel in the open beam.
    noise_px
        Grain size: noise is blurred by the detector and by resizing.
    enhance
        Edge enhancement (unsharp mask) of the film's processing, 0 to 1.
    black, white
        Log-attenuation (natural logarithm) shown as black and as white.
    toe
        Exponent of the display curve; 1 is straight in log-attenuation.
    shade
        Slope of the background across the film (heel effect), grey levels from side to side.
    lift
        Grey of the black background (fog, foil, badly set window).
    """

    blur_px: Tensor
    scatter: Tensor
    quanta: Tensor
    noise_px: Tensor
    enhance: Tensor
    black: Tensor
    white: Tensor
    toe: Tensor
    shade: Tensor
    lift: Tensor

    def to(self, device: torch.device | str) -> "Look":
        """Move to a device."""
        return Look(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True)
class Bench:
    """What a body part asks of a film: typical window and the spread of everything else.

    Each pair is (lowest, highest) of a uniform draw in the natural style; the synthetic style
    takes the middle of ``black``, ``white`` and ``blur_px`` and almost no noise.
    """

    black: tuple[float, float]
    white: tuple[float, float]
    blur_px: tuple[float, float] = (0.6, 1.1)
    scatter: tuple[float, float] = (0.05, 0.2)
    quanta: tuple[float, float] = (6000.0, 80000.0)
    noise_px: tuple[float, float] = (0.55, 1.1)
    enhance: tuple[float, float] = (0.1, 1.3)
    toe: tuple[float, float] = (0.7, 1.1)
    shade: tuple[float, float] = (-0.03, 0.03)
    lift: tuple[float, float] = (0.0, 0.12)


def looks(seeds: Sequence[int], purpose: str, *, bench: Bench, style: Style) -> Look:
    """Draw one look per seed ('phalange/7.3'); the synthetic style is the same for all."""
    names = [f.name for f in fields(Look)]
    ranges = torch.tensor([getattr(bench, name) for name in names])  # [10, 2]
    if style == "synthetic":
        ideal = ranges.mean(dim=1)
        fixed = {
            "scatter": 0.02,
            "quanta": 40000.0,
            "enhance": 0.0,
            "toe": 1.0,
            "shade": 0.0,
            "lift": 0.0,
        }
        for name, value in fixed.items():
            ideal[names.index(name)] = value
        black = names.index("black")
        ideal[black] = ideal[black].clamp(min=0)  # an ideal film's open field is black
        drawn = ideal.expand(len(seeds), -1)
    else:
        parts = torch.stack([chance.uniform(s, f"look/{purpose}", len(names)) for s in seeds])
        low, high = ranges.unbind(dim=1)
        drawn = low + parts * (high - low)
        # Doses spread over decades, so they are drawn on a logarithmic scale.
        dose = names.index("quanta")
        drawn[:, dose] = torch.exp(torch.lerp(low[dose].log(), high[dose].log(), parts[:, dose]))
    return Look(*drawn.unbind(dim=1))


def own_level(primary: Tensor) -> Tensor:
    """Return the log-attenuation [batch] that all but half a percent of each film stays below.

    Film readers scale a film by its own histogram, so that a small child's finger comes out as
    bright as a grown one.
    """
    values = -primary.flatten(1).clamp(min=1e-6).log()
    return torch.quantile(values, 0.995, dim=1)


def develop(
    primary: Tensor,
    noise: Tensor,
    look: Look,
    *,
    scatter_px: float = 24.0,
    level: Tensor | float = 1.0,
) -> Tensor:
    """Turn transmission [batch, h, w] and standard normal noise into pixels, bone bright, 0 to 1.

    ``scatter_px`` is the reach of the scatter veil in pixels; ``level`` [batch] the log-attenuation
    that the window's unit stands for (see `own_level`).
    """
    look = look.to(primary.device)
    signal = veil(blur(primary, look.blur_px), share=look.scatter, reach_px=scatter_px)
    # Blurring grain thins it by 1 / (2σ√π); the quanta of a pixel are given after that.
    grain = (
        blur(noise, look.noise_px) * (2 * look.noise_px * 3.14159**0.5).clamp(min=1)[:, None, None]
    )
    signal = count_quanta(signal, grain, quanta=look.quanta)
    unit = torch.as_tensor(level, dtype=signal.dtype, device=signal.device).expand(len(signal))
    attenuation = -signal.log() / unit[:, None, None]
    black, white = look.black[:, None, None], look.white[:, None, None]
    grey = (attenuation - black) / (white - black)
    grey = grey + look.enhance[:, None, None] * (grey - blur(grey, 2.5))
    grey = grey.clamp(min=0).pow(look.toe[:, None, None])
    side = torch.linspace(-0.5, 0.5, primary.shape[-1], device=primary.device)
    lift = look.lift[:, None, None]
    return (lift + (1 - lift) * grey + look.shade[:, None, None] * side).clamp(0, 1)

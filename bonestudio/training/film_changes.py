"""Other films of the same bones: what differs between hospitals, machines and patients, drawn at random.

A network that has only seen phantoms meets real films afterwards, so the changes are stronger than
what any one archive shows: position, size and turn; exposure, curve and equalisation; unsharpness
and grain; collimation, borders and markers.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.training.moment import Moment

BLACK = -1.0


def moved(
    films: Tensor, masks: Tensor, now: Moment, *, crop: int | None = None
) -> tuple[Tensor, Tensor]:
    """Turn, resize, shift and mirror films [n, c, h, w] and their masks [n, m, h, w] alike.

    Of each, a square of ``crop`` pixels is kept (all of it by default). One film in twelve is turned
    by any angle, the others by up to 25 degrees; sizes are from 0.7 to 1.35 of the film's own.
    Black comes in from outside.
    """
    draw = now.rand(len(films), 7)
    any_turn = draw[:, 0] < 1 / 12
    angle = torch.where(any_turn, (draw[:, 1] - 0.5) * 2 * torch.pi, (draw[:, 1] - 0.5) * 0.87)
    zoom = torch.exp((draw[:, 2] - 0.45) * 0.65)  # of the view: above 1 the bones shrink
    stretch = torch.exp((draw[:, 3] - 0.5) * 0.2)
    side = torch.where(draw[:, 4] < 0.5, -1.0, 1.0)
    kept = crop or films.shape[-1]
    share = kept / films.shape[-1]
    zoom = zoom * share
    shift = (draw[:, 5:7] - 0.5) * (0.35 + 1.6 * (1 - share))
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    rows = torch.stack(
        [cos * side * stretch, -sin, shift[:, 0], sin * side * stretch, cos, shift[:, 1]], 1
    ).view(-1, 2, 3)
    grid = F.affine_grid(rows, [len(films), 1, kept, kept], align_corners=False)
    return (
        F.grid_sample(films - BLACK, grid, align_corners=False) + BLACK,
        (F.grid_sample(masks, grid, align_corners=False) > 0.5).to(masks.dtype),
    )


def developed(films: Tensor, equalised: Tensor, now: Moment) -> Tensor:
    """Expose films [n, 1, h, w] in [-1, 1] anew; some are the ``equalised`` ones, some in between."""
    n, _, height, width = films.shape
    draw = now.rand(n, 16).view(n, 16, 1, 1, 1)
    share = ((draw[:, 0] - 0.5) * 3 + 0.5).clamp(0, 1)  # a third each: as it is, equalised, between
    unit = ((films + (equalised - films) * share + 1) / 2).clamp(0, 1)
    unit = unit.pow(torch.exp((draw[:, 1] - 0.5) * 1.1))
    # The window: cut off highlights or shadows, or leave the film pale.
    low, high = -0.2 + 0.32 * draw[:, 2], 0.75 + 0.5 * draw[:, 3]
    unit = (unit - low) / (high - low)
    unit = unit + 0.35 * (_slow(now, n, 3, height, width) - 0.5) * draw[:, 4]
    unit = _blurred(unit, draw[:, 5])
    grain = now.randn(n, 1, height, width)
    coarse = F.interpolate(now.randn(n, 1, height // 2, width // 2), (height, width))
    unit = unit + draw[:, 6].square() * 0.06 * (grain + (coarse - grain) * draw[:, 7])
    unit = _framed(unit.clamp(0, 1), draw[:, 8:14, 0, 0, 0])
    unit = _marked(unit, now)
    return unit.clamp(0, 1) * 2 - 1


def _slow(now: Moment, n: int, cells: int, height: int, width: int) -> Tensor:
    """Smooth shading between 0 and 1: heel effect, uneven soft tissue."""
    return F.interpolate(now.rand(n, 1, cells, cells), (height, width), mode="bicubic")


def _blurred(films: Tensor, share: Tensor) -> Tensor:
    """Between the film and its average over 5 × 5 pixels; beyond 0 it is sharpened instead."""
    soft = F.avg_pool2d(F.pad(films, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return films + (soft - films) * (1.3 * share - 0.6)


def _framed(films: Tensor, draw: Tensor) -> Tensor:
    """Collimate half of the films: beyond a rectangle they are black, white or grey."""
    n, _, height, width = films.shape
    down = torch.linspace(0, 1, height, device=films.device).view(1, 1, -1, 1)
    right = torch.linspace(0, 1, width, device=films.device).view(1, 1, 1, -1)
    inset = (draw[:, :4] - 0.5).clamp(min=0).view(n, 4, 1, 1, 1) * 0.3
    outside = (down < inset[:, 0]) | (down > 1 - inset[:, 1])
    outside = outside | (right < inset[:, 2]) | (right > 1 - inset[:, 3])
    level = ((draw[:, 4] - 0.5) * 3 + 0.3).clamp(0, 1).view(n, 1, 1, 1)
    chosen = (draw[:, 5] < 0.5).view(n, 1, 1, 1)
    return torch.where(outside & chosen, level, films)


def _marked(films: Tensor, now: Moment) -> Tensor:
    """Put bright or dark bars on two films in five: letters, plates, edges of cassettes."""
    n, _, height, width = films.shape
    down = torch.arange(height, device=films.device).view(1, 1, -1, 1) / height
    right = torch.arange(width, device=films.device).view(1, 1, 1, -1) / width
    for draw in now.rand(n, 3, 7).view(n, 3, 7, 1, 1, 1).unbind(1):
        tall, wide = 0.01 + 0.10 * draw[:, 2].square(), 0.01 + 0.10 * draw[:, 3].square()
        inside = ((down - draw[:, 0]).abs() < tall) & ((right - draw[:, 1]).abs() < wide)
        level = 0.4 + 0.9 * draw[:, 4]
        films = torch.where(inside & (draw[:, 5] < 0.2), level, films)
    return films

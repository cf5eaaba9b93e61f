"""What learning to translate between two kinds of images needs in every step."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.training.moment import Moment


def view(films: Tensor, now: Moment, *, crop: int, enlarge: int = 0) -> Tensor:
    """Flip left to right at random and cut out a square at random: [n, channels, crop, crop].

    ``enlarge``: so many pixels are the films made larger before that (the code of Zhu et al. makes
    286 of 256 and cuts out 256).
    """
    draws = now.rand(len(films), 3)
    if enlarge:
        side = films.shape[-1] + enlarge
        films = F.interpolate(films, (side, side), mode="bicubic", align_corners=False)
        films = films.clamp(-1, 1)
    films = torch.where(draws[:, 0].view(-1, 1, 1, 1) < 0.5, films.flip(3), films)
    n, channels, height, width = films.shape
    steps = torch.arange(crop, device=films.device)
    top, left = (
        (draw * (side - crop + 1)).long().clamp(max=side - crop).view(-1, 1)
        for draw, side in ((draws[:, 1], height), (draws[:, 2], width))
    )
    rows = (top + steps).view(n, 1, crop, 1).expand(-1, channels, -1, width)
    columns = (left + steps).view(n, 1, 1, crop).expand(-1, channels, crop, -1)
    return films.gather(2, rows).gather(3, columns)


def redrawn(network: nn.Module, *images: Tensor) -> list[Tensor]:
    """Pass several batches of images through a network at once; each comes back by itself."""
    together = images[0] if len(images) == 1 else torch.cat(images)
    out = network(together).to(together.dtype)
    return list(out.split([len(part) for part in images]))

"""Says where the rim of the distal radius and the seat of the ulna lie on an upright view of a wrist."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bonestudio.networks.bone_unet import BoneUNet

CHANNELS = (8, 16, 32, 64, 96, 128)
_REACH = 4.0  # pixels around the peak whose probabilities place the point


class WristPoints(nn.Module):
    """Views [n, 1, side, side], bone bright → heat maps [n, points, side, side] (logits)."""

    def __init__(self, *, points: int = 5, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.net = BoneUNet(bones=points, channels=channels)

    def forward(self, views: Float[Tensor, "n 1 side side"]) -> Float[Tensor, "n points side side"]:
        """Return unnormalised log-probabilities over places."""
        maps: Tensor = self.net(views)
        return maps

    @torch.inference_mode()
    def places(self, views: Float[Tensor, "n 1 side side"]) -> tuple[Tensor, Tensor]:
        """Find the points: [n, points, 2] (x, y) from -1 to 1, and the probability near each."""
        return places_of(self.net(views))


def places_of(maps: Float[Tensor, "n points h w"]) -> tuple[Tensor, Tensor]:
    """Centre of mass of each map's probability near its peak, and how much of it lies there."""
    height, width = maps.shape[-2:]
    shares = maps.float().flatten(2).softmax(-1)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    cells = torch.stack([x.flatten(), y.flatten()], -1).to(shares)  # [h w, 2]
    peak = cells[shares.argmax(-1)]  # [n, points, 2]
    near = (cells - peak[:, :, None]).norm(dim=-1) <= _REACH
    kept = shares * near
    sure = kept.sum(-1)
    middle = (kept[..., None] * cells).sum(2) / sure[..., None]
    size = torch.tensor([width, height], device=shares.device)
    return (middle + 0.5) / size * 2 - 1, sure

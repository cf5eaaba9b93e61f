"""Finds the joints of a hand on a whole film: any exposure, any border, either hand, any way up.

The network looks at the whole film, then again, closer and upright, at the hand it has found.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from bonestudio.cohorts.hand import JOINTS, HandJoints, plausible
from bonestudio.errors import ImageError
from bonestudio.imaging.types import Radiograph

CHECKPOINT = "cohorts/hand-landmarks-rsna"
VIEW = 192  # pixels of the network's square view
REDUCED = 384  # the film's longer side before views are taken from it
KEPT = 2  # of several ways up, those that are looked at again
LOOKS = 3  # the whole film, then twice closer
SURE = 0.9  # below this, other ways up and the mirrored film are tried too
FOUND = 0.6  # below this, there is no hand
# Quarter turns and whether mirrored: a right hand is likelier than a film that lies on its side.
_OTHER_WAYS_UP = (((0, True),), tuple((turn, flip) for turn in (1, 2, 3) for flip in (False, True)))
_MIDDLE_KNUCKLE, _WRIST = JOINTS.index("MCP3"), JOINTS.index("wrist")


Answer = tuple[NDArray[np.float64], NDArray[np.float64], bool]


class Frame(NamedTuple):
    """A square view of a film, in pixels of the reduced film.

    ``angle`` (radians) turns the view's up direction clockwise.
    """

    centre: NDArray[np.float64]  # x, y
    angle: float
    side: float
    mirror: bool = False

    def to_film(self, view: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, 2] points (x, y in [-1, 1] of the view) to pixels of the reduced film."""
        x, y = view[:, 0] * (-1 if self.mirror else 1), view[:, 1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
        return np.asarray(turned * self.side / 2 + self.centre)

    def to_view(self, film: NDArray[np.float64]) -> NDArray[np.float64]:
        """Undo :meth:`to_film`."""
        x, y = ((film - self.centre) * 2 / self.side).T
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        flip = -1 if self.mirror else 1
        return np.stack([(x * cos + y * sin) * flip, y * cos - x * sin], axis=1)


def find_joints(film: Radiograph, *, checkpoint: str = CHECKPOINT) -> HandJoints:
    """Find the 17 joints of the hand on a film.

    Raises
    ------
    ImageError
        When no hand is found, in one sentence.
    """
    reduced, scale = reduce_film(film.pixels)
    points, scores, mirrored = best_answer(_network(checkpoint), reduced)
    if scores[:12].min() < FOUND or not plausible(points):
        raise ImageError(
            "No whole hand was found on this film; choose a PA film of a hand with its fingers "
            "spread, or mark the phalanx with a box."
        )
    # Back to the film's pixels, whose centres are whole numbers: half a pixel moves with the scale.
    rows_columns = (points[:, ::-1] + 0.5) / scale - 0.5
    return HandJoints(
        points={
            name: (float(r), float(c)) for name, (r, c) in zip(JOINTS, rows_columns, strict=True)
        },
        scores={name: float(score) for name, score in zip(JOINTS, scores, strict=True)},
        mirrored=mirrored,
    )


@torch.no_grad()
def hand_scores(
    films: Sequence[Radiograph], *, checkpoint: str = CHECKPOINT
) -> NDArray[np.float64]:
    """How surely each upright left hand shows all joints of its fingers, [n] in [0, 1], at one look."""
    reduced = [reduce_film(film.pixels)[0] for film in films]
    views = torch.cat([take_views(film, [_whole(film)]) for film in reduced])
    _, scores = read_maps(_network(checkpoint)(views))
    return np.asarray(scores[:, :12].min(1))


@torch.no_grad()
def best_answer(network: nn.Module, reduced: Tensor) -> Answer:
    """Points [17, 2] (x, y on the reduced film), scores [17], and whether the hand is mirrored."""
    whole = _whole(reduced)
    best = _look(network, reduced, [whole])
    for others in _OTHER_WAYS_UP:
        if _worth(best) >= (True, SURE):
            break
        frames = [whole._replace(angle=turn * np.pi / 2, mirror=flip) for turn, flip in others]
        best = max(best, _look(network, reduced, frames), key=_worth)
    return best


def reduce_film(pixels: NDArray[np.float32]) -> tuple[Tensor, float]:
    """Film with its longer side at :data:`REDUCED` pixels, and the scale."""
    film = torch.from_numpy(np.ascontiguousarray(pixels, np.float32))[None, None]
    scale = REDUCED / max(pixels.shape)
    size = [max(round(side * scale), 2) for side in pixels.shape]
    small = F.interpolate(film, size=size, mode="bilinear", align_corners=False, antialias=True)
    return small[0, 0], scale


def take_views(reduced: Tensor, frames: list[Frame]) -> Tensor:
    """[n, 1, VIEW, VIEW] views of one reduced film, each stretched to [0, 1]."""
    height, width = reduced.shape
    centres = (np.arange(VIEW) + 0.5) * 2 / VIEW - 1
    xy = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    places = np.stack([frame.to_film(xy) for frame in frames])
    grid = (places + 0.5) * 2 / np.array([width, height]) - 1
    sampled = F.grid_sample(
        reduced.expand(len(frames), 1, height, width),
        torch.from_numpy(grid).to(reduced.dtype).view(len(frames), VIEW, VIEW, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    return stretch(sampled)


def stretch(views: Tensor) -> Tensor:
    """Scale each of [n, 1, h, w] to [0, 1]."""
    low, high = views.amin((2, 3), keepdim=True), views.amax((2, 3), keepdim=True)
    return (views - low) / (high - low + 1e-6)


def read_maps(logits: Tensor, *, reach: int = 3) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heat maps [n, joints, h, h] to points [n, joints, 2] (x, y in [-1, 1]) and scores [n, joints].

    A score is the probability within ``reach`` cells of the best place; the point is the mean
    position there, which is finer than a cell.
    """
    n, joints, side, _ = logits.shape
    chance = logits.flatten(2).softmax(-1).view(n, joints, side, side)
    window = 2 * reach + 1
    near = F.avg_pool2d(chance, window, stride=1, padding=reach).flatten(2).argmax(-1)
    cells = torch.arange(side, device=logits.device)
    rows = ((cells - (near // side)[..., None]).abs() <= reach).to(chance.dtype)
    columns = ((cells - (near % side)[..., None]).abs() <= reach).to(chance.dtype)
    chance = chance * rows[..., :, None] * columns[..., None, :]
    score = chance.sum((2, 3))
    centre = (cells + 0.5) * 2 / side - 1
    x = (chance.sum(2) * centre).sum(-1) / score
    y = (chance.sum(3) * centre).sum(-1) / score
    return torch.stack([x, y], -1).double().cpu().numpy(), score.double().cpu().numpy()


def frame_of(points: NDArray[np.float64], *, mirror: bool = False, margin: float = 1.25) -> Frame:
    """Return the upright square around a hand whose [17, 2] joints (x, y) are known."""
    forward = points[_MIDDLE_KNUCKLE] - points[_WRIST]
    angle = float(np.arctan2(forward[0], -forward[1]))
    up = np.array([np.sin(angle), -np.cos(angle)])
    right = np.array([np.cos(angle), np.sin(angle)])
    along, across = (points - points[_WRIST]) @ up, (points - points[_WRIST]) @ right
    ends = [(float(np.nanmin(axis)), float(np.nanmax(axis))) for axis in (along, across)]
    middle = [(low + high) / 2 for low, high in ends]
    side = max(*(high - low for low, high in ends), 8.0) * margin
    return Frame(points[_WRIST] + middle[0] * up + middle[1] * right, angle, side, mirror)


def _whole(reduced: Tensor) -> Frame:
    """Frame of the whole film."""
    height, width = reduced.shape
    return Frame(np.array([width - 1, height - 1]) / 2, 0.0, float(max(height, width)))


def _look(network: nn.Module, reduced: Tensor, frames: list[Frame]) -> Answer:
    """Points (x, y), scores, and whether mirrored, of the most certain of several first views."""
    for _ in range(LOOKS):
        views, scores = read_maps(network(take_views(reduced, frames)))
        best = np.argsort(-scores[:, :12].min(1))[:KEPT]  # the first look already tells most
        looked = [frames[i] for i in best]
        points = [frame.to_film(views[i]) for frame, i in zip(looked, best, strict=True)]
        frames = [frame_of(p, mirror=f.mirror) for p, f in zip(points, looked, strict=True)]
    return points[0], scores[best[0]], looked[0].mirror


def _worth(answer: Answer) -> tuple[bool, float]:
    points, scores, _ = answer
    return plausible(points), float(scores[:12].min())


def _network(checkpoint: str) -> nn.Module:
    from bonestudio.checkpoints.store import loaded

    return loaded(checkpoint)["finder"]

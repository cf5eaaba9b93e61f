"""What stands on a film besides the patient: the side marker and the edge of the beam."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bonestudio.imaging.types import Laterality
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose_pieces import Canvas

_LETTERS = "ABCDEGHJKLMNPRSTVW"
_LEAD = 6.0  # mm of steel that stop as much as a marker's lead
_PLATE = 7.0  # mm of soft tissue that stop as much as its plastic


@lru_cache(maxsize=64)
def _drawn(side: Laterality, initials: str, *, hole: bool) -> NDArray[np.float32]:
    """Draw a marker at 6 pixels per mm: [2, h, w], lead letters and plastic plate, 0 to 1."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = 84, 200 if hole else 170
    plate, lead = (Image.new("L", (width, height)) for _ in range(2))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, width - 1, height - 1), 8, fill=255)
    pen = ImageDraw.Draw(lead)
    top = 34 if hole else 6
    if hole:
        ImageDraw.Draw(plate).ellipse((34, 8, 50, 24), fill=0)
    # Heavy strokes: the lead of a marker is about 2 mm wide.
    for text, size, at, stroke in ((side, 92, top + 44, 4), (initials, 40, top + 118, 1)):
        font = ImageFont.load_default(size)
        pen.text(
            (width / 2, at),
            text,
            font=font,
            fill=255,
            anchor="mm",
            stroke_width=stroke,
            stroke_fill=255,
        )
    layers: NDArray[np.float32] = np.stack([np.asarray(lead), np.asarray(plate)]).astype(np.float32)
    return layers / np.float32(255)


def side_marks(
    flesh: Tensor,
    patients: Sequence[VirtualPatient],
    canvas: Canvas,
    side: Laterality,
    *,
    purpose: str,
) -> dict[str, Tensor]:
    """Give every film [B, H, W] its marker: mm of 'steel' (for lead) and of 'plastic'.

    A film of a right arm is mirrored afterwards, so its marker is drawn mirrored here.
    """
    mirror = side == "R"
    placed = []
    for i, patient in enumerate(patients):
        around = flesh[i].flip(-1) if mirror else flesh[i]
        random = patient.random(f"{purpose}/marker")
        layers = torch.stack(marker(around.cpu(), float(canvas.pixel[i]), side, random))
        placed.append(layers.flip(-1) if mirror else layers)
    lead, plastic = torch.stack(placed).to(flesh.device).unbind(1)
    return {"steel": lead, "plastic": plastic}


def framed_beams(films: Tensor, patients: Sequence[VirtualPatient], *, purpose: str) -> Tensor:
    """Frame every film [B, H, W] by its own beam."""
    return torch.stack(
        [beam_edge(f, p.random(f"{purpose}/beam")) for f, p in zip(films, patients, strict=True)]
    )


def marker(
    flesh: Tensor, pixel: float, side: Laterality, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Place a marker where there is no flesh ([H, W] mm): lead and plastic, [H, W] mm each."""
    initials = "".join(random.choice(list(_LETTERS), size=int(random.integers(2, 4))))
    drawn = torch.from_numpy(_drawn(side, initials, hole=bool(random.random() < 0.5)))
    scale = random.uniform(0.75, 1.25) / 6.0 / pixel  # film pixels per drawn pixel
    angle = np.deg2rad(random.normal(0, 9))
    height, width = flesh.shape
    half = 0.5 * scale * np.hypot(*drawn.shape[1:])
    spots = random.uniform((half, half), (width - half, height - half), (40, 2))
    # Technicians prefer one side of the hand; the other one serves where that is full.
    spots[:25, 0] = np.minimum(spots[:25, 0], width - spots[:25, 0])
    best: tuple[float, Tensor] | None = None
    for x, y in spots:
        layers = _placed(drawn, (float(x), float(y)), scale, float(angle), (height, width))
        covered = float((layers[1] * flesh).sum())
        if best is None or covered < best[0]:
            best = (covered, layers)
        if covered == 0:
            break
    assert best is not None  # noqa: S101 - forty spots were tried
    thin = random.uniform(0.3, 1.0)
    return best[1][0] * _LEAD, best[1][1] * _PLATE * thin


def _placed(
    drawn: Tensor, at: tuple[float, float], scale: float, angle: float, size: tuple[int, int]
) -> Tensor:
    """Resample a drawing [2, h, w] onto the film [2, H, W], its middle at pixel ``at`` (x, y)."""
    height, width = size
    tall, wide = drawn.shape[1:]
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    y, x = torch.meshgrid(torch.arange(height) - at[1], torch.arange(width) - at[0], indexing="ij")
    grid = torch.stack([(cos * x + sin * y) / wide * 2, (cos * y - sin * x) / tall * 2], -1)
    small = F.avg_pool2d(drawn[None], max(1, int(1 / scale)), ceil_mode=True)
    return F.grid_sample(small, grid[None].float(), align_corners=False)[0]


def beam_edge(pixels: Tensor, random: np.random.Generator) -> Tensor:
    """Frame a developed film [H, W] as archives have them: open, an edge, or a tilted rectangle."""
    kind = random.random()
    height, width = pixels.shape
    if kind < 0.45:
        return pixels
    y, x = torch.meshgrid(
        torch.linspace(-0.5, 0.5, height), torch.linspace(-0.5, 0.5, width), indexing="ij"
    )
    x, y = x.to(pixels.device) * width, y.to(pixels.device) * height
    angle = np.deg2rad(random.normal(0, 2.5)) if kind > 0.7 else np.deg2rad(random.normal(0, 0.4))
    across, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inset = random.uniform(-0.01, 0.035, 4) if kind > 0.7 else random.uniform(-0.03, 0.012, 4)
    left, right = width * (0.5 - inset[0]) + across, width * (0.5 - inset[1]) - across
    above, below = height * (0.5 - inset[2]) + down, height * (0.5 - inset[3]) - down
    inside = torch.minimum(torch.minimum(left, right), torch.minimum(above, below))
    # Behind the collimator's edge no light falls: white, unless the archive's shutter blackens it.
    glow = random.uniform(0.2, 0.9) * torch.exp(-inside.clamp(min=0) / (0.004 * height))
    broad = random.uniform(0.0, 0.12) * torch.exp(-inside.clamp(min=0) / (0.05 * height))
    lit = (pixels + glow + broad).clamp(max=1)
    beyond = 0.0 if kind > 0.7 else 1.0
    share = (0.5 + inside / 1.5).clamp(0, 1)
    return lit * share + beyond * (1 - share)

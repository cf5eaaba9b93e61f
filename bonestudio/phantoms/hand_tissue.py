"""Skin, fat and muscle around the bones of hand and forearm: millimetres along each ray.

The flesh is a smooth union of tapered tubes along the bones. Half-widths and half-depths at adult
male size follow hand breadth, hand thickness and finger breadths of ANSUR (Greiner, Hand
anthropometry of US Army personnel, 1991) and wrist and forearm breadths of Gordon et al. 1989.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.phantoms.pose_pieces import Canvas

FILLET = 2.0  # mm: how softly two tubes meet (webs between fingers)


@dataclass(frozen=True)
class Tube:
    """A tapered tube from landmark ``start`` to ``end``: half-widths at both, and half-depths.

    Width is across the ray, depth along it, for the view from the back of the hand; the side view
    swaps them. ``beyond`` carries the tube past its end (the pulp of a fingertip), mm.
    """

    start: str
    end: str
    width: tuple[float, float]
    depth: tuple[float, float]
    beyond: float = 0.0


def _fingers() -> list[Tube]:
    tubes = []
    for f, girth in ((2, 1.0), (3, 1.02), (4, 0.96), (5, 0.86)):
        rows = (
            (f"mcp_{f}", f"pip_{f}", (10.4, 9.6), (10.8, 9.4), 0.0),
            (f"pip_{f}", f"dip_{f}", (9.5, 8.5), (9.2, 8.0), 0.0),
            (f"dip_{f}", f"tip_{f}", (8.5, 7.4), (8.0, 6.6), 1.0),
        )
        tubes += [
            Tube(a, b, (w[0] * girth, w[1] * girth), (d[0] * girth, d[1] * girth), past)
            for a, b, w, d, past in rows
        ]
        # A joint is a little wider than what lies between two.
        tubes.append(Tube(f"pip_{f}", f"pip_{f}", (9.7 * girth,) * 2, (8.6 * girth,) * 2))
    return tubes


TUBES = (
    *_fingers(),
    # Webs reach a third of the way to the next joint.
    *(Tube(f"fold_{f}", f"fold_{f + 1}", (7.0, 7.0), (10.0, 10.0)) for f in (2, 3, 4)),
    *(Tube(f"mcp_{f}", f"mcp_{f + 1}", (9.0, 9.0), (12.5, 12.5)) for f in (2, 3, 4)),
    *(Tube(f"palm_{f}", f"palm_{f + 1}", (9.0, 9.0), (16.0, 16.0)) for f in (2, 3, 4)),
    Tube("mcp_1", "ip_1", (11.2, 10.8), (10.5, 9.8)),
    Tube("ip_1", "tip_1", (10.6, 8.8), (9.5, 7.2), 1.0),
    Tube("cmc_1", "mcp_1", (15.0, 11.8), (17.5, 13.0)),
    Tube("thenar", "mcp_1", (15.0, 9.0), (20.0, 11.0)),
    Tube("thenar", "web_2", (14.0, 9.5), (19.0, 9.5)),
    Tube("base_2", "mcp_2", (12.5, 11.5), (18.0, 13.5)),
    Tube("base_3", "mcp_3", (12.0, 11.3), (18.0, 14.0)),
    Tube("base_4", "mcp_4", (12.0, 11.0), (18.0, 13.5)),
    Tube("base_5", "mcp_5", (13.5, 11.5), (18.0, 13.0)),
    Tube("wrist_radial", "base_2", (14.0, 14.5), (19.0, 18.5)),
    Tube("wrist_ulnar", "base_5", (14.0, 15.5), (19.0, 18.5)),
    Tube("radius_neck", "wrist_radial", (16.0, 15.0), (19.0, 17.5)),
    Tube("ulna_neck", "wrist_ulnar", (14.5, 14.0), (18.5, 17.5)),
    Tube("radius_middle", "radius_neck", (26.0, 16.0), (28.0, 19.0)),
    Tube("ulna_middle", "ulna_neck", (22.0, 14.5), (27.0, 18.5)),
    Tube("radius_head", "radius_middle", (33.0, 26.0), (37.0, 28.0)),
    Tube("ulna_elbow", "ulna_middle", (29.0, 22.0), (35.0, 27.0)),
    Tube("humerus_low", "ulna_elbow", (37.0, 31.0), (38.0, 35.0)),
    Tube("humerus_middle", "humerus_low", (43.0, 37.0), (45.0, 38.0)),
)


def flesh(
    canvas: Canvas, marks: Mapping[str, Tensor], *, girth: Tensor, side_view: bool = False
) -> Tensor:
    """Thickness of the whole limb along the film's z, [B, H, W] mm.

    Parameters
    ----------
    marks
        Landmarks on the film, name → [B, 2 or 3] mm; tubes whose ends are missing are left out.
    girth
        [B] factor on all half-widths: size for age times the patient's own.
    """
    pixel = canvas.pixel * 2  # the field is smooth: half the resolution will do
    rows, columns = -(-canvas.height // 2) + 1, -(-canvas.width // 2) + 1
    origin = canvas.origin + 0.5 * canvas.pixel[:, None]
    y = (origin[:, 1:] + torch.arange(rows) * pixel[:, None]).float()[:, :, None]
    x = (origin[:, :1] + torch.arange(columns) * pixel[:, None]).float()[:, None, :]
    weight = torch.full((len(girth), rows, columns), 1e-12)
    reach, deep = torch.zeros_like(weight), torch.zeros_like(weight)
    fillet = (FILLET * girth).float()[:, None, None]
    for tube in TUBES:
        if tube.start not in marks or tube.end not in marks:
            continue
        depth, radius, half = _inside(tube, x, y, marks, girth.float(), side_view=side_view)
        share = torch.exp((depth / fillet).clamp(max=40))
        weight += share
        reach += share * radius
        deep += share * half
    inside = fillet * weight.log()
    fields = torch.stack([inside, reach / weight, deep / weight], 1)
    full = F.interpolate(fields, scale_factor=2, mode="bilinear", align_corners=False)
    inside, reach, deep = full[:, :, : canvas.height, : canvas.width].unbind(1)
    # An elliptical section: inside by F of a half-width R is √(F (2R − F)) / R of the full depth.
    inside = torch.minimum(inside.clamp(min=0), reach)
    return 2 * deep * (inside * (2 * reach - inside)).clamp(min=0).sqrt() / reach.clamp(min=1)


def _inside(
    tube: Tube, x: Tensor, y: Tensor, marks: Mapping[str, Tensor], girth: Tensor, *, side_view: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth inside a tube's outline, its half-width and half-depth at each pixel, mm."""
    start, end = marks[tube.start][:, :2].float(), marks[tube.end][:, :2].float()
    way = end - start
    length = way.norm(dim=1).clamp(min=1e-3)
    end = end + way / length[:, None] * tube.beyond * girth[:, None]
    way = end - start
    square = (way * way).sum(1).clamp(min=1e-3)[:, None, None]
    dx, dy = x - start[:, 0, None, None], y - start[:, 1, None, None]
    along = ((dx * way[:, 0, None, None] + dy * way[:, 1, None, None]) / square).clamp(0, 1)
    away = torch.hypot(dx - along * way[:, 0, None, None], dy - along * way[:, 1, None, None])
    width, depth = (tube.depth, tube.width) if side_view else (tube.width, tube.depth)
    size = girth[:, None, None]
    radius = (width[0] + along * (width[1] - width[0])) * size
    half = (depth[0] + along * (depth[1] - depth[0])) * size
    return radius - away, radius, half

"""The ways to a mask: a U-Net that knows every bone, and the two of paper 002 that know bone alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import available
from bonestudio.errors import CheckpointError
from bonestudio.imaging.contrast import clahe
from bonestudio.imaging.types import Radiograph

Way = Literal["auto", "unet", "two-step", "direct"]
WAYS: tuple[Way, ...] = ("auto", "unet", "two-step", "direct")
UNET = "segmentation/unet-arm-phantom"
POINTS = "segmentation/wrist-points-phantom"
# What is trained on real films comes first; the paired recipe keeps fingers where they are.
CYCLES: Mapping[str, tuple[str, ...]] = {
    "hand": (
        "segmentation/multicyclegan-hand-paired-quick",
        "segmentation/multicyclegan-hand-quick",
    ),
    "forearm": (
        "segmentation/multicyclegan-forearm-paired-quick",
        "segmentation/multicyclegan-forearm-quick",
    ),
}
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Square:
    """How a film [height, width] becomes a square of ``size`` pixels, and comes back."""

    shape: tuple[int, int]
    size: int

    def take(self, film: Array) -> Array:
        """Pad with black to a square and resize: [size, size]."""
        from PIL import Image

        height, width = film.shape
        side = max(height, width)
        canvas = Image.new("F", (side, side))
        canvas.paste(
            Image.fromarray(np.asarray(film, np.float32)),
            ((side - width) // 2, (side - height) // 2),
        )
        small = canvas.resize((self.size, self.size), Image.Resampling.BOX if side > self.size else Image.Resampling.BILINEAR)  # fmt: skip
        return np.array(small, np.float32)

    def give_back(self, values: Array) -> Array:
        """Resize [size, size] to the film's own pixels: [height, width]."""
        from PIL import Image

        height, width = self.shape
        side = max(height, width)
        whole = Image.fromarray(values).resize((side, side), Image.Resampling.BILINEAR)
        top, left = (side - height) // 2, (side - width) // 2
        return np.asarray(whole, np.float32)[top : top + height, left : left + width]


def cycle_of(anatomy: str) -> str | None:
    """Name the best multi-CycleGAN for 'hand' or 'forearm' that is there."""
    return next((name for name in CYCLES[anatomy] if available(name)), None)


def default_way(anatomy: str) -> Way:
    """Name the U-Net; without it what paper 002 found: two steps for hands, one for forearms."""
    if available(UNET):
        return "unet"
    return "two-step" if anatomy == "hand" else "direct"


def ways_here(anatomy: str) -> tuple[Way, ...]:
    """List the ways that have weights here, the best first."""
    cycle: tuple[Way, ...] = ("two-step", "direct") if anatomy == "hand" else ("direct", "two-step")
    unet: tuple[Way, ...] = ("unet",) if available(UNET) else ()
    return unet + (cycle if cycle_of(anatomy) else ())


def by_unet(film: Radiograph) -> dict[str, Array]:
    """Bone → probability [height, width], the mean of the film as it is and after CLAHE."""
    import torch

    from bonestudio.checkpoints.store import loaded

    checkpoint = loaded(UNET)
    settings = checkpoint.card.settings
    square = Square(film.shape, int(settings["size"]))
    shown = [square.take(film.pixels), square.take(clahe(film).pixels)]
    with torch.inference_mode():
        films = torch.from_numpy(np.stack(shown))[:, None] * 2 - 1
        shares = checkpoint["unet"](films).float().sigmoid().mean(0).numpy()
    return {
        bone: square.give_back(share) for bone, share in zip(settings["bones"], shares, strict=True)
    }


def by_cycle(film: Radiograph, *, anatomy: str, two_step: bool) -> Array:
    """Brightness of bone [height, width] in [0, 1] by equation 66 (two steps) or 67 of paper 002."""
    name = cycle_of(anatomy)
    if name is None:
        raise CheckpointError(
            f"There is no multi-CycleGAN for a {anatomy}; 'bonestudio train "
            f"{CYCLES[anatomy][-1]}' makes one."
        )
    return drawn_bone(film, name, two_step=two_step)


def drawn_bone(film: Radiograph, name: str, *, two_step: bool) -> Array:
    """Brightness of bone [height, width] in [0, 1] as the multi-CycleGAN ``name`` draws it."""
    import torch

    from bonestudio.checkpoints.store import loaded

    checkpoint = loaded(name)
    square = Square(film.shape, int(checkpoint.card.settings["size"]))
    equalised = clahe(film, clip=float(checkpoint.card.settings["clip"])).pixels
    with torch.inference_mode():
        drawn = torch.from_numpy(square.take(equalised))[None, None] * 2 - 1
        if two_step:
            drawn = checkpoint["to_clean"](drawn)
        drawn = checkpoint["to_bones"](drawn)
    return square.give_back(drawn[0, 0].float().add(1).div(2).clamp(0, 1).numpy())

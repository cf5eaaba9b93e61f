"""Fractures that ship as designs, and a design packed for a person: film, mask, what makes both."""

import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, ZipFile

from bonestudio.errors import ImageError, StorageError
from bonestudio.instruments.fracture.design import Design
from bonestudio.places import shipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bonestudio.imaging.types import Radiograph
    from bonestudio.instruments.fracture.studio import Drawn


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A design with a name."""

    name: str
    title: str
    design: Design
    thumbnail: Path


def healthy_sample() -> Sample:
    """Return the first sample before it broke."""
    first = samples()[0]
    return Sample(
        name="healthy",
        title="The first, not broken",
        design=first.design.with_options(broken=False),
        thumbnail=first.thumbnail.with_name("healthy.png"),
    )


@lru_cache(maxsize=1)
def samples() -> tuple[Sample, ...]:
    """Read the designs of assets/fracture/designs.json; each has a thumbnail of its name."""
    folder = shipped("assets") / "fracture"
    try:
        told: list[dict[str, Any]] = json.loads(
            (folder / "designs.json").read_text(encoding="utf-8")
        )
        return tuple(
            Sample(
                name=one["name"],
                title=one["title"],
                design=Design.from_dict(one["design"]),
                thumbnail=folder / f"{one['name']}.png",
            )
            for one in told
        )
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(
            "The samples of fractures are damaged; install the studio again."
        ) from error


def opened_image(image: bytes, mask: bytes | None) -> "tuple[Radiograph, NDArray[np.uint8] | None]":
    """Read an image of a set, and its mask as a picture to lay over it: [height, width, 4]."""
    import io

    import numpy as np
    from PIL import Image

    from bonestudio.imaging.types import Radiograph

    grey = np.asarray(Image.open(io.BytesIO(image), formats=("PNG",)), np.float32) / np.float32(255)
    film = Radiograph(pixels=grey)
    if mask is None:
        return film, None
    colours = np.asarray(Image.open(io.BytesIO(mask), formats=("PNG",)))
    break_, *bones = np.moveaxis(colours > 0, 2, 0)
    painted = np.zeros((*grey.shape, 4), np.uint8)
    painted[np.logical_or(*bones)] = (154, 164, 178, 90)
    painted[break_] = (76, 201, 240, 255)
    return film, painted


def png(film: "Radiograph", most: int) -> bytes:
    """Draw a film as a small PNG, its greys spread out, ``most`` pixels at its longer side."""
    import io

    import numpy as np
    from PIL import Image

    low, high = np.quantile(film.pixels, (0.01, 0.995))
    seen = ((film.pixels - low) / max(high - low, 1e-6)).clip(0, 1)
    grey = Image.fromarray(np.rint(seen * 255).astype(np.uint8))
    grey.thumbnail((most, most), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    grey.save(out, "PNG")
    return out.getvalue()


def save_design(made: "Drawn", path: Path) -> Path:
    """Pack the film (16 bits), the refined film, the mask and the design into a ZIP."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            folder = Path(scratch)
            written = made.write(folder / "film.png")
            with ZipFile(folder / "whole.zip", "w", ZIP_STORED) as pack:
                for kind, file in written.items():
                    pack.write(file, "design.json" if kind == "design_file" else file.name)
            (folder / "whole.zip").replace(path)
    except OSError as error:
        raise StorageError(f"The design cannot be written: {error.strerror}.") from error
    return path

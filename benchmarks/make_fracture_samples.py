"""Make the fractures that ship with the Fracture tab: their designs and thumbnails.

    python benchmarks/make_fracture_samples.py --out assets/fracture

Radius shaft, both bones, Colles, a nightstick ulna, a shattered shaft, a plate.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from bonestudio.instruments.fracture.design import Design

THUMBNAIL = 128  # pixels
SAMPLES = {
    "radius": ("Radius, oblique", Design(obliquity=35, displacement=5, angulation=12)),
    "both": (
        "Both bones, transverse",
        Design(bone="both", obliquity=10, level=0.5, displacement=6, angulation=14, patient=11, sex="M"),
    ),
    "colles": (
        "Wrist from the side, Colles",
        Design(
            site="wrist", view="lateral", level=0.9, obliquity=15, gap=0.5, displacement=4,
            angulation=20, direction=90, patient=21, age=68,
        ),
    ),
    "nightstick": (
        "Ulna, nightstick",
        Design(bone="ulna", obliquity=5, gap=1.5, displacement=3, angulation=4, patient=8, sex="M", side="R"),
    ),
    "shattered": (
        "Radius, shattered",
        Design(comminution=0.8, gap=3, displacement=4, angulation=10, patient=17, sex="M", level=0.6),
    ),
    "plate": (
        "Radius, plated",
        Design(hardware="plate", gap=0.5, displacement=0.5, angulation=1, patient=13, obliquity=20),
    ),
}  # fmt: skip


def thumbnail(design):
    """Draw the part of the film around the break."""
    row, column = (int(v) for v in design.with_options(size=384, broken=True).render().line.at)
    made = design.with_options(size=384).render()
    half = 96
    top, left = (min(max(v - half, 0), 384 - 2 * half) for v in (row, column))
    pixels = made.film.pixels[top : top + 2 * half, left : left + 2 * half]
    low, high = np.quantile(pixels, (0.02, 0.998))
    grey = np.rint(np.clip((pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(grey).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/fracture"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    told = []
    for name, (title, design) in SAMPLES.items():
        thumbnail(design).save(out / f"{name}.png", optimize=True)
        if name == "radius":  # the Classify page shows the same arm whole, too
            thumbnail(design.with_options(broken=False)).save(out / "healthy.png", optimize=True)
        told.append({"name": name, "title": title, "design": design.as_dict()})
        print(f"{name:<12} {design.ao_code:<16} {title}")
    (out / "designs.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

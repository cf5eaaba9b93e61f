"""Make the films that the Density tab opens with: hips of virtual patients nobody trained on, and their true maps.

    python benchmarks/make_density_samples.py --out assets/density

The last one has a stem of metal painted in: an example of what is refused.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from density_gate import with_rod
from PIL import Image

from bonestudio.instruments.density.truth import MG
from bonestudio.measures.density import compare
from bonestudio.phantoms import VirtualPatient

SIZE = (512, 256)
MAP = "proximal_femur_bmd_g_cm2"
SEED = 7_000_000  # nothing was trained on patients from here on
# Name, title, seed, sex, pose, side, age in years.
SAMPLES = (
    ("1-woman-78", "Woman of 78", 28, "F", "supine", "L", 78.0),
    ("2-man-66", "Man of 66", 1, "M", "standing", "R", 66.0),
    ("3-woman-40", "Woman of 40", 4, "F", "supine", "R", 40.0),
    ("4-woman-58", "Woman of 58", 13, "F", "resting", "L", 58.0),
    ("5-implant", "Man of 70, stem", 5, "M", "supine", "L", 70.0),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, default=Path("assets/density"))
    out = options.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, title, seed, sex, pose, side, age in SAMPLES:
        phantom = VirtualPatient(SEED + seed, sex).hip(pose, side, age=age, size=SIZE)
        film = with_rod(phantom.image) if "stem" in title else phantom.image
        Image.fromarray(np.rint(film.pixels * 255).astype(np.uint8)).save(
            out / f"{name}.png", optimize=True
        )
        card = {
            "title": title, "spacing": [round(s, 4) for s in film.spacing], "view": "AP",
            "laterality": side, "age": age, "sex": sex,
        }  # fmt: skip
        (out / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")
        total = phantom.truth.measures["areal_bmd_total_hip_g_cm2"]
        score = compare(total, interval=(total, total), age=age, sex=sex)
        print(
            f"{name:12} total hip {total:.3f} g/cm², {score.kind} {score.value:+.1f}, {score.words}"
        )
        if "stem" not in title:
            truth = np.rint(phantom.truth.maps[MAP] * MG).astype(np.uint16)
            Image.fromarray(truth).save(out / f"{name}-truth.png", optimize=True)


if __name__ == "__main__":
    main()

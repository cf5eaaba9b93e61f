"""Wrist measurements against phantoms' truth: normal and broken, from true masks and from found ones.

    python benchmarks/wrist_angles.py [--n 200] [--found] [--out artefacts/wrist_angles]

``--found`` measures on the masks and points that the shipped networks find, beside the true masks.
Then wrists cut off at the joint, and wrists that are said to be seen from the other side or lie
obliquely, must come back as 'not measurable'.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from bonestudio.checkpoints import available
from bonestudio.instruments.segmentation.segmenter import BoneSegmenter, measured
from bonestudio.instruments.segmentation.ways import POINTS, UNET
from bonestudio.measures.bones import grouped
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.ordering import random_fracture

FIRST = 4_000_000  # seeds that nothing was trained on
MEASURES = ("radial_inclination", "volar_tilt", "ulnar_variance")


def wrists(count):
    """Front and side in turn, healthy and broken in turn, both sexes and sides."""
    for i in range(count):
        seed, view = FIRST + i, ("PA", "LL")[i % 2]
        side = "LR"[i // 4 % 2]
        fracture = random_fracture("wrist", seed, side) if i // 2 % 2 else None
        patient = VirtualPatient(seed, "FM"[i // 8 % 2])
        yield fracture is not None, patient.wrist(view, fracture=fracture, side=side, size=256)


def truth_of(phantom, name):
    if name == "ulnar_variance":
        return phantom.truth.measures.get("ulnar_variance_mm")
    return phantom.truth.angles.get(name)


def masks_by(way, phantom, segmenter):
    if way == "true masks":
        return grouped(phantom.truth.masks)
    return segmenter.segment(phantom.image, way="unet").masks


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--n", type=int, default=200)
    options.add_argument("--found", action="store_true")
    options.add_argument("--out", type=Path, default=Path("artefacts/wrist_angles"))
    chosen = options.parse_args()
    ways = ["true masks", *(["found masks"] if chosen.found and available(UNET) else [])]
    print(f"points on the film: {'found by ' + POINTS if available(POINTS) else 'by the outline'}")
    errors, refused = defaultdict(list), defaultdict(list)
    asked, given = defaultdict(int), defaultdict(int)
    segmenter = BoneSegmenter()
    for broken, phantom in wrists(chosen.n):
        for way in ways:
            masks = masks_by(way, phantom, segmenter)
            told = measured(phantom.image, masks)
            for name in MEASURES:
                true = truth_of(phantom, name)
                key = (way, name, "broken" if broken else "healthy")
                if true is None:
                    continue
                if told[name].value is None:
                    refused[key].append(told[name].why)
                else:
                    errors[key].append(told[name].value - true)
            for trick, value in tricks(phantom, masks):
                asked[way, trick] += 1
                given[way, trick] += value
    lines = ["| masks | measure | wrists | N | not measurable | mean abs. error | bias | worst |", "|" + "---|" * 8]  # fmt: skip
    for key in sorted({*errors, *refused}):
        e = np.array(errors[key])
        figures = "– | – | –"
        if len(e):
            figures = f"{np.abs(e).mean():.2f} | {e.mean():+.2f} | {np.abs(e).max():.1f}"
        lines.append(f"| {' | '.join(key)} | {len(e)} | {len(refused[key])} | {figures} |")
    lines.append("")
    lines += [f"{way}: {trick}: {given[way, trick]} of {n} not measurable" for (way, trick), n in asked.items()]  # fmt: skip
    why = sorted({reason for reasons in refused.values() for reason in reasons})
    lines += ["", "Reasons given:", *why]
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "wrist_angles.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def tricks(phantom, masks):
    """Wrists that must not be measured, and whether each was refused."""
    film, tip = phantom.image, round(phantom.truth.landmarks["wrist"][0])
    height = film.shape[0]
    cut = {name: mask.copy() for name, mask in masks.items()}
    level = min(height - 2, tip + round(14 / film.spacing[0]))
    kept = {name: mask[level:] for name, mask in cut.items()}
    told = measured(film.with_pixels(film.pixels[level:]), kept)
    yield "cut off at the joint", told["radial_inclination"].value is None and told["volar_tilt"].value is None  # fmt: skip
    other = "LL" if film.view == "PA" else "PA"
    told = measured(film, masks, view=other)
    name = "volar_tilt" if other == "LL" else "radial_inclination"
    yield "said to be the other view", told[name].value is None


if __name__ == "__main__":
    main()

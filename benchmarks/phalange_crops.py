"""Crops the index finger's middle phalanx from RSNA hands and says how many crops are right.

Of the hands with boxes drawn around their joints, a crop is right when both ends of its phalanx
fall inside the boxes of the index finger's PIP and DIP joints. The others are drawn on a sheet, to
be looked at.

    python benchmarks/phalange_crops.py ../shared/data/rsna-hands-1050
"""

import argparse
import csv
import random
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from bonestudio.cohorts import RsnaBoneAge, crop_box, find_joints, phalange_box
from bonestudio.cohorts.hand_examples import boxed_joints, name_boxes
from bonestudio.cohorts.hand_finder import CHECKPOINT
from bonestudio.cohorts.phalange import FRAME
from bonestudio.errors import ImageError
from bonestudio.imaging.reading import read_radiograph

CROP, THUMB = 96, 100


def inside(place, box, *, slack=0.0):
    """Whether (row, column) lies in a box of pixel edges, or at most ``slack`` pixels beyond."""
    x, y = place[1] + 0.5, place[0] + 0.5
    return box[0] - slack <= x <= box[2] + slack and box[1] - slack <= y <= box[3] + slack


def judge(film, boxes):
    """Score one boxed hand: ends in boxes, whole crop between the boxes' far edges, errors."""
    named = name_boxes(boxes, film.shape)
    began = time.perf_counter()
    crop = phalange_box(find_joints(film))
    seconds = time.perf_counter() - began
    reach = 1 / FRAME
    pip, dip = crop.places(np.array([[reach, 0.0], [-reach, 0.0]]))
    truth = {j: ((named[j][:2] + named[j][2:]) / 2 - 0.5)[::-1] for j in ("PIP2", "DIP2")}
    length = np.hypot(*(truth["PIP2"] - truth["DIP2"]))
    errors = [
        float(np.hypot(*(pip - truth["PIP2"])) / length),
        float(np.hypot(*(dip - truth["DIP2"])) / length),
    ]
    low, high = crop.places(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    return {
        "ends": inside(pip, named["PIP2"]) and inside(dip, named["DIP2"]),
        "within": inside(low, named["PIP2"]) and inside(high, named["DIP2"]),
        "errors": errors,
        "seconds": seconds,
    }


def tile(film, name):
    """Draw a crop beside its film with the box on it."""
    picture = Image.new("RGB", (CROP + THUMB + 4, THUMB + 12))
    pen = ImageDraw.Draw(picture)
    try:
        joints = find_joints(film)
        box = phalange_box(joints)
    except ImageError:
        pen.text((2, 0), f"{name}: not found", fill="red")
        return picture
    crop = crop_box(film, box, size=CROP).pixels
    low, high = np.percentile(film.pixels, [1, 99.5])
    grey = ((film.pixels - low) / max(high - low, 1e-6)).clip(0, 1)
    scale = 3 * THUMB / max(grey.shape)
    thumb = Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")
    thumb = thumb.resize(
        (int(thumb.width * scale), int(thumb.height * scale)), Image.Resampling.LANCZOS
    )
    corners = [(float(c * scale), float(r * scale)) for r, c in box.corners]
    ImageDraw.Draw(thumb).polygon(corners, outline="lime", width=4)
    picture.paste(Image.fromarray((crop * 255).astype(np.uint8)), (0, 12))
    picture.paste(
        thumb.resize((thumb.width // 3, thumb.height // 3), Image.Resampling.LANCZOS),
        (CROP + 2, 12),
    )
    pen.text(
        (2, 0),
        f"{name}  {joints.finger_score(2):.2f}{'  mirrored' if joints.mirrored else ''}",
        fill="yellow",
    )
    return picture


def main():
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("folder", type=Path, help="hands in the RSNA layout, with joints.csv")
    ask.add_argument("--out", type=Path, default=Path("artefacts/phalange_crops"))
    ask.add_argument("--only", nargs="*", help="ids of boxed films (those that training left out)")
    ask.add_argument("--sheet", type=int, default=100, help="how many other hands to draw")
    ask.add_argument("--seed", type=int, default=7)
    order = ask.parse_args()
    order.out.mkdir(parents=True, exist_ok=True)
    hands = RsnaBoneAge(order.folder)
    films = {e.name: path for e, path in zip(hands.entries, hands.files, strict=True)}
    boxed = boxed_joints(order.folder / "joints.csv")
    rows = []
    for film in sorted(order.only or boxed):
        try:
            rows.append({"film": film, **judge(read_radiograph(films[film]), boxed[film])})
        except ImageError:
            rows.append(
                {
                    "film": film,
                    "ends": False,
                    "within": False,
                    "errors": [np.nan] * 2,
                    "seconds": np.nan,
                }
            )
    with (order.out / "boxed.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["film", "ends_in_boxes", "crop_within_boxes", "pip_error", "dip_error", "seconds"]
        )
        table.writerows(
            [r["film"], r["ends"], r["within"], *r["errors"], r["seconds"]] for r in rows
        )
    errors = np.array([r["errors"] for r in rows])
    print(f"{CHECKPOINT}: {len(rows)} boxed hands")
    print(f"  both ends of the phalanx in the PIP and DIP boxes: {sum(r['ends'] for r in rows)}")
    print(f"  whole crop between the boxes' far edges:           {sum(r['within'] for r in rows)}")
    print(
        f"  distance to the boxes' centres: median {np.nanmedian(errors):.3f}, worst {np.nanmax(errors):.3f} phalanx lengths"
    )
    print(f"  seconds a film: median {np.nanmedian([r['seconds'] for r in rows]):.2f}")
    others = sorted(set(films) - set(boxed))
    random.Random(order.seed).shuffle(others)
    tiles = [tile(read_radiograph(films[name]), name) for name in others[: order.sheet]]
    for half, start in enumerate(range(0, len(tiles), 50), start=1):
        part = tiles[start : start + 50]
        sheet = Image.new("RGB", (5 * part[0].width, -(-len(part) // 5) * part[0].height))
        for n, picture in enumerate(part):
            sheet.paste(picture, (n % 5 * picture.width, n // 5 * picture.height))
        sheet.save(order.out / f"others-{half}.png")
    print(f"  sheets of {len(tiles)} others: {order.out}")


if __name__ == "__main__":
    main()

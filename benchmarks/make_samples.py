"""Make the samples that the tabs open with: small phantoms in assets/lightbox, assets/scan and assets/age.

Everything follows from the seeds below; run it again when the phantoms have become better.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from bonestudio.imaging import write_volume
from bonestudio.imaging.types import Radiograph, Volume
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.fracture import Fracture

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def films():
    """Title and phantom of each film, in the order of the thumbnails."""
    girl, boy, other = VirtualPatient(11, "F"), VirtualPatient(24, "M"), VirtualPatient(7, "F")
    colles = Fracture(
        bone="radius", level=0.92, displacement=3, angulation=18, direction=100, gap=0.5
    )
    shaft = Fracture(bone="both", level=0.55, displacement=5, angulation=12, gap=1)
    yield "1-hand-5", "Hand, 5 years", girl.hand(5, height=640)
    yield "2-hand-12", "Hand, 12 years", boy.hand(12, height=640)
    yield "3-wrist-broken", "Wrist, fractured", other.wrist("PA", fracture=colles, size=512)
    yield "4-wrist-side", "The same, lateral", other.wrist("LL", fracture=colles, size=512)
    yield "5-forearm-broken", "Forearm, fractured", boy.forearm("PA", fracture=shaft, size=512)
    yield "6-hip", "Hip", VirtualPatient(5, "F").hip("supine", "R", size=(768, 384))
    yield "7-phalanx-8", "Phalanx, 8 years", girl.phalange(8)
    yield "8-knee-13", "Knee, 13 years", boy.femur(13)


def growing():
    """Title, bone and phantom of the films that can be aged, in the order of the thumbnails."""
    girl, boy, other = VirtualPatient(11, "F"), VirtualPatient(24, "M"), VirtualPatient(31, "F")
    yield "1-phalanx-6", "Phalanx, girl of 6", "phalange", girl.phalange(6)
    yield "2-phalanx-13", "Phalanx, boy of 13", "phalange", boy.phalange(13)
    yield "3-hand-9", "Hand, girl of 9", "phalange", other.hand(9, height=640)
    yield "4-knee-5", "Knee, girl of 5", "femur", girl.femur(5)
    yield "5-knee-11", "Knee, boy of 11", "femur", boy.femur(11)
    yield "6-knee-17", "Knee, girl of 17", "femur", other.femur(17)


def write_growing(folder: Path, name: str, title: str, bone: str, phantom) -> None:
    """Write a film that can be aged; its card also says which bone it shows."""
    write_film(folder, name, title, phantom)
    card = folder / f"{name}.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"bone": bone}, indent=1) + "\n")


def write_growth(folder: Path) -> None:
    """Say how large the first phalanx is at each age, for the museum: mm from edge to edge."""
    girl = VirtualPatient(11, "F")
    sizes = [128 * girl.phalange(age).image.spacing[0] for age in range(20)]
    (folder / "growth.csv").write_text(
        "age,mm\n" + "".join(f"{age},{mm:.2f}\n" for age, mm in enumerate(sizes))
    )


def write_film(folder: Path, name: str, title: str, phantom) -> None:
    film: Radiograph = phantom.image
    low, high = film.window
    gray = np.rint(np.clip((film.pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    Image.fromarray(gray).save(folder / f"{name}.png", optimize=True)
    card = {
        "title": title,
        "spacing": [round(s, 4) for s in film.spacing] if film.spacing else None,
        "view": film.view,
        "laterality": film.laterality,
        "age": film.age,
        "sex": film.sex,
    }
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")


def write_scan(folder: Path, name: str, title: str, volume: Volume) -> None:
    # Steps of 16 mg HA/cm³ are far below the scanner's noise, and pack three times as well.
    rounded = np.rint(volume.voxels / 16).astype(np.float32) * 16
    small = Volume(voxels=rounded, spacing=volume.spacing, unit=volume.unit)
    write_volume(small, folder / f"{name}.nii.gz")
    middle = volume.voxels[volume.shape[0] // 2]
    gray = np.rint(np.clip((middle + 150) / 1150, 0, 1) * 255).astype(np.uint8)
    thumbnail = Image.fromarray(gray)
    thumbnail.thumbnail((240, 240))
    thumbnail.save(folder / f"{name}.png", optimize=True)
    (folder / f"{name}.json").write_text(json.dumps({"title": title}, indent=1) + "\n")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for room in ("lightbox", "scan", "age"):
        (ASSETS / room).mkdir(parents=True, exist_ok=True)
        for old in (ASSETS / room).iterdir():
            old.unlink()
    for name, title, phantom in films():
        write_film(ASSETS / "lightbox", name, title, phantom)
    for name, title, bone, phantom in growing():
        write_growing(ASSETS / "age", name, title, bone, phantom)
    write_growth(ASSETS / "age")
    for name, title, seed, grade in (
        ("1-radius", "Distal radius", 3, 1),
        ("2-radius-moved", "With motion", 8, 4),
    ):
        scan = VirtualPatient(seed, "F").radius_scan(grade, shape=(40, 208, 208), spacing=0.164)
        write_scan(ASSETS / "scan", name, title, scan.image)
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size / 1024:8.0f} kB  {path.relative_to(ASSETS)}")


if __name__ == "__main__":
    main()

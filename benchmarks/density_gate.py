"""Which films the density model speaks about: hips should pass, everything else be refused with a reason.

python benchmarks/density_gate.py [--hips 12] [--others 10] [--held-out] [--ct ../shared/data/ct-pelvis] [--hands FOLDER]

``--held-out`` adds all films of the virtual patients that the model's own fold left out, those that training renders
once and keeps in the cache folder: enough of them for a share of false refusals.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ct_hip import films as ct_films

from bonestudio.checkpoints import find_card
from bonestudio.errors import BoneStudioError
from bonestudio.imaging import read_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.instruments.density.film import FIELD_MM
from bonestudio.phantoms import VirtualPatient
from bonestudio.training.hip_films import POSES
from bonestudio.training.hips import Hips, open_hips

SEED = 4_000_000  # nothing was trained on patients from here on
PHOTOGRAPHS = (
    "astronaut", "camera", "coins", "chelsea", "coffee", "text", "page", "moon", "brick", "motorcycle_left",
)  # fmt: skip


def hip(number: int) -> Radiograph:
    patient = VirtualPatient(SEED + number, "FM"[number % 2])
    return patient.hip(POSES[number % len(POSES)], "LR"[number // 2 % 2], size=(512, 256)).image


def held_out(model: str | None) -> list[Radiograph]:
    """Films of virtual patients whom the model has not seen, each pose in eight exposures."""
    known = DensityEstimator().models() if model is None else (find_card(model)[0],)
    size, (fold, folds) = int(known[0].settings["size"]), known[0].settings["fold"]
    data = Hips(source="phantom", fold=fold, folds=folds)
    films = open_hips(data, size=size).fold(fold, of=folds)[2].films.numpy()
    pitch = FIELD_MM[0] / size
    return [
        Radiograph(pixels=film / np.float32(255), spacing=(pitch, pitch), laterality="L")
        for film in films
    ]


def with_rod(film: Radiograph) -> Radiograph:
    """Paint a stem of metal into the middle of the femur."""
    height, width = film.shape
    rows, columns = np.indices(film.shape)
    at = width * (0.55 if film.laterality == "L" else 0.45)
    stem = (np.abs(columns - at) < width * 0.03) & (np.abs(rows / height - 0.68) < 0.13)
    return film.with_pixels(np.where(stem, np.float32(1), film.pixels * np.float32(0.7)))


def cut_off(film: Radiograph) -> Radiograph:
    """Leave out what lies above the femur's neck."""
    kept = film.pixels[round(film.shape[0] * 0.56) :]
    blank = np.zeros((film.shape[0] - len(kept), film.shape[1]), np.float32)
    return film.with_pixels(np.concatenate([kept, blank]))


def chest(number: int) -> Radiograph:
    """Draw a chest: two dark lungs, ribs, a heart."""
    random = np.random.default_rng(number)
    rows, columns = np.indices((400, 400)) / 400
    film = np.full((400, 400), 0.75)
    for side in (0.3, 0.7):
        lung = ((columns - side) / 0.17) ** 2 + ((rows - 0.5) / 0.36) ** 2 < 1
        film[lung] = 0.2 + 0.12 * np.sin(rows[lung] * 60 + (columns[lung] - 0.5) ** 2 * 40)
    film[((columns - 0.55) / 0.14) ** 2 + ((rows - 0.62) / 0.16) ** 2 < 1] = 0.8
    noisy = film + 0.03 * random.standard_normal(film.shape)
    return Radiograph(pixels=noisy.clip(0, 1).astype(np.float32))


def photographs(count: int) -> Iterator[Radiograph]:
    """Pictures that scikit-image brings along; nothing is fetched."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    for name in PHOTOGRAPHS[:count]:
        yield read_radiograph(folder / f"{name}.png")


def kinds(chosen: argparse.Namespace) -> dict[str, list[Radiograph]]:
    n = chosen.others
    hips = [hip(i) for i in range(chosen.hips)]
    random = np.random.default_rng(0)
    patients = [VirtualPatient(SEED + i, "FM"[i % 2]) for i in range(n)]
    made = {
        "virtual hips": hips,
        "with a rod painted in": [with_rod(film) for film in hips],
        "cut off": [cut_off(film) for film in hips],
        "upside down": [film.with_pixels(film.pixels[::-1].copy()) for film in hips],
        "virtual hands": [p.hand(12.0).image for p in patients],
        "virtual forearms": [p.forearm().image for p in patients],
        "virtual knees": [p.femur(14.0).image for p in patients],
        "drawn chests": [chest(i) for i in range(n)],
        "noise": [Radiograph(pixels=random.random((300, 200), np.float32)) for _ in range(n)],
        "photographs": list(photographs(n)),
    }
    if chosen.held_out:
        made = {"held-out virtual hips": held_out(chosen.model)} | made
    if chosen.hands:
        made["real hands"] = [read_radiograph(p) for p in sorted(chosen.hands.rglob("*.*g"))[:n]]
    if chosen.ct:
        films = ct_films(chosen.ct)
        made |= {
            "CT, native right hip": [films["right"]],
            "CT, left hip with a screw": [films["left"]],
        }
    return made


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--hips", type=int, default=12)
    options.add_argument("--others", type=int, default=10)
    options.add_argument("--ct", type=Path)
    options.add_argument("--hands", type=Path)
    options.add_argument("--model")
    options.add_argument("--held-out", action="store_true")
    options.add_argument("--out", type=Path, default=Path("artefacts/density_gate.md"))
    chosen = options.parse_args()
    estimator = DensityEstimator()
    table = ["| films | N | in-domain | doubtful | out | distance, median | the usual reason |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, films in kinds(chosen).items():
        verdicts, reasons, far = Counter(), Counter(), []
        for film in films:
            try:
                domain = estimator.estimate(film, model=chosen.model).domain
            except BoneStudioError as error:
                verdicts["out"] += 1
                reasons[str(error)] += 1
                continue
            verdicts[domain.verdict] += 1
            reasons[domain.reason] += 1
            far += [domain.distance] if domain.distance is not None else []
        counts = " | ".join(str(verdicts[v]) for v in ("in-domain", "doubtful", "out"))
        usual = reasons.most_common(1)[0][0] if reasons else ""
        median = f"{np.median(far):.2f}" if far else "–"
        table.append(f"| {name} | {len(films)} | {counts} | {median} | {usual} |")
        print(table[-1], flush=True)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Growth of phalanx and femur against published landmarks: figures, a plot, and identity over years.

    python benchmarks/phantom_growth.py [--patients 200] [--out artefacts/phantom_growth]

Measures on rendered masks (width ratio, closed plates) are set beside what the growth curves ask.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from bonestudio.phantoms import VirtualPatient, render_femora, render_phalanges
from bonestudio.phantoms.growth import FEMUR, PHALANX, fusion_age, stage

AGES = np.linspace(0, 19, 77)

# (sex, age, value): landmarks that the plots carry as crosses; sources in bonestudio/phantoms/growth.py.
LANDMARKS = {
    ("phalanx", "length"): [("F", 19, 22.5), ("M", 19, 24.5)],
    ("phalanx", "width_ratio"): [("F", 8.5, 1.0), ("M", 10.5, 1.0)],
    ("phalanx", "fusion"): [("F", 14.5, 1.0), ("M", 16.5, 1.0), ("F", 13, 0.0), ("M", 15, 0.0)],
    ("femur", "length"): [
        *(("F", a, v) for a, v in ((1, 148.1), (5, 263.2), (10, 367.2), (14, 431.4), (18, 436.3))),
        *(("M", a, v) for a, v in ((1, 144.8), (5, 259.2), (10, 362.9), (14, 441.8), (18, 472.3))),
    ],
    ("femur", "width_ratio"): [("F", 7, 1.0), ("M", 8.5, 1.0)],
}
COLOURS = {"F": (200, 60, 60), "M": (50, 90, 190)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("artefacts/phantom_growth"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    plot(options.out / "growth.png")
    fusion(options.patients)
    rendered()
    strips(options.out / "strips.png")
    identity(options.patients)


def plot(path: Path) -> None:
    """Draw length, width ratio, gap and fusion by age and sex, with the landmarks."""
    canvas = Image.new("RGB", (4 * 330, 2 * 260), "white")
    draw = ImageDraw.Draw(canvas)
    for row, (bone, course) in enumerate((("phalanx", PHALANX), ("femur", FEMUR))):
        grown = {s: stage(course, AGES, [s] * len(AGES), [0.0] * len(AGES)) for s in "FM"}
        for column, name in enumerate(("length", "width_ratio", "gap", "fusion")):
            left, top = column * 330 + 45, row * 260 + 30
            high = 1.1 * max(getattr(g, name).max() for g in grown.values())
            draw.rectangle((left, top, left + 265, top + 195), outline="gray")
            draw.text((left, top - 20), f"{bone}: {name} (girls red, boys blue)", fill="black")
            draw.text((left - 40, top), f"{high:.3g}", fill="black")
            for age in range(0, 20, 4):
                draw.text((left + age / 19 * 265, top + 198), str(age), fill="black")
            place = lambda a, v: (left + a / 19 * 265, top + 195 * (1 - v / high))  # noqa: E731, B023 - used at once
            for sex, g in grown.items():
                draw.line(
                    [place(a, v) for a, v in zip(AGES, getattr(g, name), strict=True)],
                    fill=COLOURS[sex],
                    width=2,
                )
            for sex, age, value in LANDMARKS.get((bone, name), []):
                x, y = place(age, value)
                draw.line((x - 5, y - 5, x + 5, y + 5), fill=COLOURS[sex], width=2)
                draw.line((x - 5, y + 5, x + 5, y - 5), fill=COLOURS[sex], width=2)
    canvas.save(path)
    print(f"plot of growth against landmarks: {path}")


def fusion(count: int) -> None:
    """Print shares of closed plates among virtual patients."""
    print("\nplate closed (share of patients)          phantoms   literature")
    for bone, course, sex, age, share in (
        ("distal femur", FEMUR, "F", 17, 0.85),
        ("distal femur", FEMUR, "M", 19, 0.97),
    ):
        tempo = [VirtualPatient(s, sex).traits.tempo for s in range(5 * count)]
        closed = stage(course, [age] * len(tempo), [sex] * len(tempo), tempo).fusion >= 1
        print(
            f"  {bone}, {sex} at {age} (n={len(tempo)})           {closed.mean():.3f}      {share}"
        )
    gap = fusion_age(PHALANX, "M", 0) - fusion_age(PHALANX, "F", 0)
    print(f"  middle phalanx: boys close {gap:.1f} years after girls (literature: about 2)")


def rendered() -> None:
    """Compare the epiphysis' width on rendered masks with the asked one."""
    print("\nepiphysis / metaphysis width: rendered (asked)")
    for name, render, ages in (
        ("phalanx", render_phalanges, (3, 5, 7, 9, 11)),
        ("femur", render_femora, (1, 3, 5, 8, 11)),
    ):
        for sex in "FM":
            patients = [VirtualPatient(s, sex) for s in range(4)]
            cells = []
            for age in ages:
                batch = render(patients, [float(age)] * 4, style="synthetic")
                bone = batch.masks["middle_phalanx" if name == "phalanx" else "femur"]
                part = batch.masks["epiphysis"]
                whole = (bone & ~part).sum(2).amax(1)
                ratio = (part.any(1).sum(1) / whole).mean()
                cells.append(f"{age} y: {ratio:.2f} ({batch.stage.width_ratio.mean():.2f})")
            print(f"  {name} {sex}   " + "   ".join(cells))


def strips(path: Path) -> None:
    """Show two patients of either bone over the years."""
    ages = np.linspace(0, 19, 14).tolist()
    rows = []
    for render in (render_phalanges, render_femora):
        for seed, sex in ((11, "F"), (12, "M")):
            pixels = render([VirtualPatient(seed, sex)] * len(ages), ages, style="synthetic").pixels
            rows.append(torch.cat(list(pixels), dim=1))
    sheet = (torch.cat(rows).numpy() * 255).astype(np.uint8)
    Image.fromarray(sheet).save(path)
    print(f"\nstrips over the years: {path}")


def identity(count: int) -> None:
    """Count how often a patient's nearest neighbour, years later, is the same patient."""
    print(f"\nidentity: nearest neighbour among {count} patients of one sex and age")
    patients = [VirtualPatient(s, "F") for s in range(count)]
    for style in ("synthetic", "natural"):
        films = {
            age: render_phalanges(patients, [age] * count, style=style).pixels.reshape(count, -1)
            for age in (8.0, 12.0)
        }
        flat = [torch.nn.functional.normalize(f - f.mean(0)) for f in films.values()]
        right = ((flat[0] @ flat[1].T).argmax(1) == torch.arange(count)).float().mean()
        print(f"  phalanx, {style}: 8 → 12 years, right for {right:.1%} (chance {1 / count:.1%})")


if __name__ == "__main__":
    main()

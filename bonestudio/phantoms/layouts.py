"""Phantoms as files, in the layouts that the cohorts read.

Growing bones become an RSNA folder (``labels.csv``, ``images/``), wrists and forearms a MURA tree
(half of the patients fractured), scans a folder of NIfTI with ``scans.csv``, hips the pairs of
``pairs.csv``; masks lie beside, and ``manifest.jsonl`` holds what makes each image again and all
that is true about it.
"""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from bonestudio import batch
from bonestudio.errors import RequestError, StorageError
from bonestudio.phantoms.ordering import Kind, Order, orders, pose
from bonestudio.phantoms.truth import Phantom

SERIAL = 12  # so few images are made here; more are shared out over processes


def write_phantoms(
    kind: Kind,
    count: int,
    out: Path,
    *,
    seed: int = 0,
    style: str = "natural",
    ages: tuple[float, float] = (1.0, 19.0),
    workers: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Write ``count`` patients below ``out`` and yield (patients done, patients in all) on the way.

    What an interrupted run has written is kept and not made again.
    """
    if kind not in get_args(Kind):
        raise RequestError(f"A phantom is one of {', '.join(get_args(Kind))}, not '{kind}'.")
    if not 1 <= count <= 10_000_000:
        raise RequestError(f"The count of phantoms is from 1 to 10 000 000, not {count}.")
    if style not in {"natural", "synthetic"}:
        raise RequestError(f"A style is 'natural' or 'synthetic', not '{style}'.")
    if not 0 <= ages[0] <= ages[1] <= 19:
        raise RequestError(
            f"Bones grow from 0 to 19 years here, not from {ages[0]:g} to {ages[1]:g}."
        )
    asked = {
        order.name: {**vars(order), "out": str(out)}
        for order in orders(kind, count, seed=seed, style=style, ages=ages)
    }
    _make_folder(out)
    rows: dict[str, dict[str, Any]] = {}
    few = count <= SERIAL or workers == 1
    outcomes = (
        _serial(asked)
        if few
        else batch.run(write_one, asked, ledger=out / "done.jsonl", workers=workers)
    )
    for outcome in outcomes:
        if outcome.error:
            raise StorageError(outcome.error)
        rows[outcome.key] = outcome.value
        yield len(rows), count
    _write_tables(kind, [rows[name] for name in asked], out)
    (out / "done.jsonl").unlink(missing_ok=True)


def write_one(asked: dict[str, Any]) -> dict[str, Any]:
    """Render one patient and write its files; return its line of the manifest."""
    out = Path(asked.pop("out"))
    order = Order(**asked)
    try:
        images = [_write_image(order, view, out) for view in order.views]
    except OSError as error:
        raise StorageError(f"Phantoms cannot be written to {out}: {error.strerror}.") from error
    return {"name": order.name, "order": vars(order), "images": images}


def _serial(asked: dict[str, dict[str, Any]]) -> Iterator[batch.Outcome]:
    for name, order in asked.items():
        yield batch.Outcome(name, value=write_one(dict(order)))


def _write_image(order: Order, view: str, out: Path) -> dict[str, Any]:
    from bonestudio.imaging import write_radiograph, write_volume

    phantom: Phantom[Any] = order.render(view)
    truth = phantom.truth
    path = out / order.path(view)
    path.parent.mkdir(parents=True, exist_ok=True)
    if order.kind == "radius":
        write_volume(phantom.image, path)
    else:
        write_radiograph(phantom.image, path)
    for folder, name in (("bmd", "proximal_femur_bmd_g_cm2"), ("bmd_whole", "bone_bmd_g_cm2")):
        if name in truth.maps:
            _save_array(out / folder / f"{path.stem}.npy", truth.maps[name].astype(np.float32))
    names = _write_masks(order, view, phantom, out)
    return {
        "file": str(order.path(view)),
        "spacing_mm": phantom.image.spacing,
        "age": truth.age,
        "sex": truth.sex,
        "mask_labels": names,
        "landmarks": {k: [round(float(x), 3) for x in v] for k, v in truth.landmarks.items()},
        "angles_deg": {k: float(v) for k, v in truth.angles.items()},
        "measures": {k: float(v) for k, v in truth.measures.items()},
        "labels": dict(truth.labels),
    }


def _write_masks(order: Order, view: str, phantom: Phantom[Any], out: Path) -> dict[str, int]:
    """One PNG a bone would be a hundred files; bits of one 32-bit array keep masks that overlap."""
    masks = phantom.truth.masks
    if not masks or order.kind == "radius":
        return {}
    names = {name: i for i, name in enumerate(sorted(masks))}
    bits = np.zeros(next(iter(masks.values())).shape, np.uint32)
    for name, i in names.items():
        bits |= masks[name].astype(np.uint32) << np.uint32(i)
    _save_array(out / "masks" / order.path(view).with_suffix(".npy"), bits)
    return names


def _save_array(path: Path, values: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        np.save(scratch, values, allow_pickle=False)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {out} cannot be made: {error.strerror}.") from error
    if any(out.iterdir()) and not (out / "done.jsonl").exists():
        raise RequestError(f"The folder {out} is not empty; phantoms need one of their own.")
    if not os.access(out, os.W_OK):
        raise StorageError(f"The folder {out} cannot be written to.")


def _write_tables(kind: Kind, rows: list[dict[str, Any]], out: Path) -> None:
    tables: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "phalange": _rsna_row,
        "femur": _rsna_row,
        "hand": _rsna_row,
        "radius": _scan_row,
        "hip": _pair_row,
    }
    names = {"radius": "scans.csv", "hip": "pairs.csv"}
    try:
        with (out / "manifest.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        if kind in tables:
            lines = [tables[kind](row) for row in rows]
            with (out / names.get(kind, "labels.csv")).open("w", newline="") as table:
                writer = csv.DictWriter(table, list(lines[0]))
                writer.writeheader()
                writer.writerows(lines)
    except OSError as error:
        raise StorageError(
            f"The table of the phantoms cannot be written: {error.strerror}."
        ) from error


def _rsna_row(row: dict[str, Any]) -> dict[str, Any]:
    (image,) = row["images"]
    return {
        "id": row["name"],
        "boneage": round(12 * image["age"], 2),
        "male": image["sex"] == "M",
    }


def _scan_row(row: dict[str, Any]) -> dict[str, Any]:
    (image,) = row["images"]
    return {
        "file": Path(image["file"]).name,
        "patient": row["name"],
        "age": round(image["age"], 1),
        "sex": image["sex"],
        "grade": row["order"]["grade"],
    }


def _pair_row(row: dict[str, Any]) -> dict[str, Any]:
    (image,) = row["images"]
    measures = image["measures"]
    return {
        "file": Path(image["file"]).name,
        "patient": row["name"],
        "age": round(image["age"], 1),
        "sex": image["sex"],
        "height_cm": round(measures["height_cm"], 1),
        "weight_kg": round(measures["weight_kg"], 1),
        "pose": pose(row["order"]["seed"]),
        "side": row["order"]["side"],
    }

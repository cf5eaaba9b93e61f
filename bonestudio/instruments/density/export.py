"""A density as files: a page (PNG and PDF), the numbers (JSON), the map (NPY); a folder as a table (CSV)."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bonestudio import __version__, batch
from bonestudio.cells import harmless
from bonestudio.errors import BoneStudioError, RequestError, StorageError
from bonestudio.imaging.files import write_bytes
from bonestudio.imaging.types import Laterality, Radiograph
from bonestudio.instruments.density.estimator import NOTICE, DensityEstimator, Estimate, Value

if TYPE_CHECKING:
    from bonestudio.cohorts.sample import Entry

FORMATS = ("png", "pdf", "json", "npy")
COLUMNS = (
    "file", "side", "verdict", "reason", "bmd_g_cm2", "bmd_low", "bmd_high", "total_hip_g_cm2",
    "total_hip_low", "total_hip_high", "neck_g_cm2", "neck_low", "neck_high", "age", "sex", "total_hip_score",
    "total_hip_score_kind", "total_hip_words", "neck_score", "neck_score_kind", "neck_words", "model",
)  # fmt: skip
ALONE = 6  # so few films are not worth starting processes for


def told(estimate: Estimate) -> dict[str, Any]:
    """Return everything that is told of a hip, as plain data; densities in g/cm²."""
    values: dict[str, Value | None] = {"proximal_femur": estimate.bmd}
    values |= {str(site): value for site, value in estimate.sites.items()}
    return {
        "side": estimate.prepared.side,
        "verdict": estimate.domain.verdict,
        "reason": estimate.domain.reason,
        "distance": estimate.domain.distance,
        "densities": {
            name: {"g_cm2": value.density, "interval_90": value.interval}
            for name, value in values.items()
            if value is not None
        },
        "scores": {
            site: {
                "kind": score.kind,
                "value": score.value,
                "interval_90": score.interval,
                "classes": dict(score.classes),
                "words": score.words,
                "against": score.against,
            }
            for site, score in estimate.scores.items()
        },
        "age": estimate.age,
        "sex": estimate.sex,
        "profile": None
        if estimate.profile is None
        else {
            "radii_from_head": [round(float(x), 3) for x in estimate.profile[0]],
            "g_cm2": [round(float(y), 4) for y in estimate.profile[1]],
        },
        "model": estimate.model.id,
        "seconds": round(estimate.seconds, 3),
        "notice": NOTICE,
    }


def export(
    film: Radiograph,
    estimate: Estimate,
    folder: Path,
    *,
    stem: str = "density",
    kinds: Sequence[str] = FORMATS,
) -> dict[str, Path]:
    """Write page, numbers and map into ``folder``, or ``kinds`` of them; names hold ``stem`` alone."""
    from bonestudio.instruments.density.pictures import report

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    page = report(film, estimate)
    files: dict[str, Path] = {}
    for kind in kinds:
        files[kind] = folder / f"{stem}.{kind}"
        if kind == "json":
            blob = (json.dumps(told(estimate), indent=2, ensure_ascii=False) + "\n").encode()
        else:
            buffer = io.BytesIO()
            if kind == "npy":
                np.save(buffer, estimate.density, allow_pickle=False)
            else:
                page.save(buffer, kind.upper(), resolution=150.0)
            blob = buffer.getvalue()
        write_bytes(files[kind], blob)
    return files


def row(name: str, estimate: Estimate) -> dict[str, Any]:
    """Return a hip as a row of :data:`COLUMNS`."""
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {
        "file": name,
        "side": estimate.prepared.side,
        "verdict": estimate.domain.verdict,
        "reason": estimate.domain.reason,
        "age": estimate.age,
        "sex": estimate.sex,
        "model": estimate.model.id,
    }
    values: dict[str, Value | None] = {"bmd": estimate.bmd}
    values |= {str(site): value for site, value in estimate.sites.items()}
    for column, value in values.items():
        if value is not None:
            found[f"{column}_g_cm2"] = round(value.density, 4)
            if value.interval:
                found[f"{column}_low"], found[f"{column}_high"] = (
                    round(v, 4) for v in value.interval
                )
    for site, score in estimate.scores.items():
        found[f"{site}_score"] = None if score.value is None else round(score.value, 2)
        found[f"{site}_score_kind"], found[f"{site}_words"] = score.kind, score.words
    return found


def unreadable(name: str, reason: str) -> dict[str, Any]:
    """Return the row of a film that cannot be used at all."""
    return {**dict.fromkeys(COLUMNS), "file": name, "verdict": "unreadable", "reason": reason}


def as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Write rows of :data:`COLUMNS` as a table."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({column: harmless(row.get(column)) for column in COLUMNS} for row in rows)
    return text.getvalue().encode()


def estimate_films(
    films: Mapping[str, Path],
    *,
    table: Path | None = None,
    age: float | None = None,
    sex: Any = None,
    model: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Estimate films by name, one after the other in this process, and yield their rows.

    A network of this size takes less time for a hundred films than processes take to start. ``table``
    ('labels.csv': file, age, sex) says whose films they are; ``age`` and ``sex`` are for those that it
    leaves open.
    """
    from bonestudio.cohorts.people import read_people

    people = read_people(table).rows if table else {}
    for name, path in films.items():
        asked = {"path": path, "model": model, **_person(people.get(name), age, sex)}
        try:
            yield {**estimate_one(asked), "file": name}
        except BoneStudioError as error:
            yield unreadable(name, str(error))


def estimate_folder(
    folder: Path,
    out: Path,
    *,
    age: float | None = None,
    sex: Any = None,
    postmenopausal: bool | None = None,
    side: Laterality | None = None,
    model: str | None = None,
    workers: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Estimate every film of a folder into ``out/density.csv``; yields (done, of).

    A 'labels.csv' in the folder (file, age, sex) says whose films they are; ``age`` and ``sex`` are for
    those that it leaves open, ``postmenopausal`` and ``side`` for all. A film that cannot be used has its
    row, with the reason. What an interrupted run has done is kept in ``out/density.done.jsonl`` and taken
    up by a run that asks the same of the same film and weights.
    """
    from bonestudio.cohorts import ImageFolder

    films = ImageFolder(folder)
    card = DensityEstimator().card(model)
    rule = {"postmenopausal": postmenopausal, "side": side, "model": card.id}
    wanted = {
        entry.name: {"path": str(path), **_person(entry, age, sex), **rule}
        for entry, path in zip(films.entries, films.files, strict=True)
    }
    if len(wanted) < len(films.files):
        raise RequestError("Two films of this folder have one name; give each a name of its own.")
    keys = {_key(name, asked, card.model_dump_json()): name for name, asked in wanted.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {out} cannot be made: {error.strerror}.") from error
    ledger, table = out / "density.done.jsonl", out / "density.csv"
    items = {key: wanted[name] for key, name in keys.items()}
    rows: dict[str, dict[str, Any]] = {}
    alone = 1 if len(items) <= ALONE else workers
    for outcome in batch.run(estimate_one, items, ledger=ledger, workers=alone):
        name = keys[outcome.key]
        rows[name] = (
            {**outcome.value, "file": name}
            if outcome.error is None
            else unreadable(name, outcome.error)
        )
        yield len(rows), len(items)
    write_bytes(table, as_csv(rows[name] for name in wanted))
    ledger.unlink(missing_ok=True)


def estimate_one(asked: dict[str, Any]) -> dict[str, Any]:
    """Estimate one film of a batch."""
    from bonestudio.imaging import read_radiograph

    film = read_radiograph(Path(asked["path"]))
    rest = {name: value for name, value in asked.items() if name != "path"}
    return row("", DensityEstimator().estimate(film, **rest))


def _person(entry: "Entry | None", age: float | None, sex: Any) -> dict[str, Any]:
    """Return what a table says of a film's person, and what is given where it is silent."""
    if entry is None:
        return {"age": age, "sex": sex}
    return {"age": age if entry.age is None else entry.age, "sex": entry.sex or sex}


def _key(name: str, asked: Mapping[str, Any], weights: str) -> str:
    """Name one answer: by film (its name, size and date), by what is asked of it, and by the weights."""
    film = Path(asked["path"])
    facts = film.stat() if film.is_file() else None
    dated = None if facts is None else (facts.st_size, facts.st_mtime_ns)
    rest = {key: value for key, value in asked.items() if key != "path"}
    told = json.dumps([__version__, name, rest, dated, weights], sort_keys=True)
    return sha256(told.encode()).hexdigest()

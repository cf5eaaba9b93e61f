"""Questions from folders of images; what a folder is called never reaches a reader."""

import csv
from collections.abc import Sequence
from pathlib import Path

from bonestudio.errors import StudyError
from bonestudio.imaging import read_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.turing.design import Question

_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".npy", ""}


def real_or_synthetic(real: Path, synthetic: Path) -> list[Question]:
    """Every image of two folders."""
    return from_films(films(real), films(synthetic))


def films(folder: Path) -> list[Radiograph]:
    """Every image of a folder."""
    return [read_radiograph(file) for file in image_files(folder)]


def from_films(real: Sequence[Radiograph], synthetic: Sequence[Radiograph]) -> list[Question]:
    """Real films and synthetic ones."""
    return [
        *(Question(films=(film,), truth="real") for film in real),
        *(Question(films=(film,), truth="synthetic") for film in synthetic),
    ]


def pairs(originals: Path, *, progressed: Path | None, regressed: Path | None) -> list[Question]:
    """Originals against their older and younger versions of the same file name."""
    questions = []
    for folder, truth in ((progressed, "progression"), (regressed, "regression")):
        if folder is None:
            continue
        partners = {file.stem: file for file in image_files(folder)}
        for file in image_files(originals):
            if file.stem in partners:
                films = (read_radiograph(file), read_radiograph(partners[file.stem]))
                questions.append(Question(films=films, truth=truth))
    if not questions:
        raise StudyError("No image has a partner of the same name in the other folder.")
    return questions


def graded(images: Path, *, scores: Path | None = None) -> list[Question]:
    """Images to be graded; ``scores`` is a CSV with a column 'file' and one column a score."""
    table = _read_scores(scores) if scores else {}
    return [
        Question(films=(read_radiograph(file),), truth="none", scores=table.get(file.name, {}))
        for file in image_files(images)
    ]


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder by name."""
    if not folder.is_dir():
        raise StudyError(f"There is no folder {folder.name} with images.")
    files = sorted(
        file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in _ENDINGS
    )
    if not files:
        raise StudyError(f"The folder {folder.name} holds no images.")
    return files


def from_pairs(made: Sequence[tuple[Radiograph, Radiograph, str]]) -> list[Question]:
    """Originals, their older or younger versions, and which of the two it is."""
    return [Question(films=(first, second), truth=truth) for first, second, truth in made]


def from_scored(made: Sequence[tuple[Radiograph, dict[str, float]]]) -> list[Question]:
    """Films to be graded, each with its scores."""
    return [Question(films=(film,), truth="none", scores=scores) for film, scores in made]


def _read_scores(path: Path) -> dict[str, dict[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {
            row["file"]: {name: float(value) for name, value in row.items() if name != "file"}
            for row in rows
        }
    except (OSError, KeyError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{path.name} is not a table of scores: it needs a column 'file' and numbers beside it."
        ) from error

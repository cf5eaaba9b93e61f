"""Images that an investigator gives a study: read, and nothing of them left in the upload folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.interface.tabs import turing_form


def uploaded(root: Path, *names: str) -> list[str]:
    """Lay films down as Gradio does: a folder for each."""
    files = []
    for number, name in enumerate(names):
        folder = root / f"{name}{number}{len(list(root.iterdir()))}"
        folder.mkdir()
        grey = np.random.default_rng(number).integers(0, 255, (40, 30), np.uint8)
        Image.fromarray(grey).save(folder / name)
        files.append(str(folder / name))
    return files


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def test_films_are_read_and_deleted(root: Path) -> None:
    boxes = [uploaded(root, "doe_jane.png", "b.png"), uploaded(root, "c.png"), None]
    made = turing_form._questions("real-or-synthetic", turing_form.OWN, boxes, 2)
    assert [one.truth for one in made] == ["real", "real", "synthetic"]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (["image1.png", "image1.png"], ["c.png"], "one name"),
        (["a.png"], None, "Images are missing"),
    ],
)
def test_what_is_no_study_is_one_sentence_and_leaves_nothing(
    root: Path, first: list[str], second: list[str] | None, says: str
) -> None:
    boxes = [uploaded(root, *first), uploaded(root, *second) if second else None, None]
    with pytest.raises(RequestError, match=says):
        turing_form._questions("real-or-synthetic", turing_form.OWN, boxes, 2)
    assert list(root.iterdir()) == []


def test_a_file_that_is_no_image_is_refused_and_deleted(root: Path) -> None:
    boxes = [uploaded(root, "a.png"), uploaded(root, "c.png"), None]
    Path(boxes[1][0]).write_text("<svg onload=alert(1)>", encoding="utf-8")
    with pytest.raises(BoneStudioError, match="not an image"):
        turing_form._questions("real-or-synthetic", turing_form.OWN, boxes, 2)
    assert list(root.iterdir()) == []

"""A job that is stopped on the page leaves nothing behind but what was asked for until then."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bonestudio.interface.tabs import density_many


def test_many_films_stop_after_the_film_in_hand_and_leave_no_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    films = [tmp_path / f"upload{n}" / f"doe_jane{n}.png" for n in range(5)]
    for film in films:
        film.parent.mkdir()
        film.write_bytes(b"film")
    done, closed = [], []

    def estimated(names: dict[str, Path], **_: object):
        try:
            for name in names:
                done.append(name)
                yield dict.fromkeys(density_many.COLUMNS) | {"file": name, "verdict": "out"}
        finally:
            closed.append(True)

    monkeypatch.setattr(density_many, "estimate_films", estimated)
    parts = density_many.Page.__dataclass_fields__
    page = SimpleNamespace(**{name: name for name in parts})
    visitor = SimpleNamespace(session_hash="one")
    steps = density_many.Answers(page=page).estimate(
        [str(film) for film in films], density_many.UNKNOWN, None, visitor
    )
    first = next(steps)
    assert first["stop"]["interactive"]
    steps.close()  # what Gradio does when Cancel is pressed
    assert (len(done), closed) == (1, [True])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert density_many.Answers(page=page).stopped()["start"]["interactive"]

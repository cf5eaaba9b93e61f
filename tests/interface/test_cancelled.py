"""A job that is stopped on the page leaves nothing behind but what was asked for until then."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bonestudio.errors import BoneStudioError
from bonestudio.instruments.density.export import COLUMNS
from bonestudio.interface.jobs import Job, Pace
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
                yield dict.fromkeys(COLUMNS) | {"file": name, "verdict": "out"}
        finally:
            closed.append(True)

    monkeypatch.setattr(density_many, "estimate_films", estimated)
    parts = density_many.Page.__dataclass_fields__
    job = Job(start="start", stop="stop", bar="bar", things="films", upload="upload")
    page = SimpleNamespace(**{name: name for name in parts} | {"job": job})
    visitor = SimpleNamespace(session_hash="one")
    steps = density_many.Answers(page=page).estimate(
        [str(film) for film in films], density_many.UNKNOWN, None, visitor
    )
    begun = next(steps)
    assert begun["stop"]["interactive"]
    assert (done, "0 of 5 films" in begun["bar"]) == ([], True)
    assert "1 of 5 films" in next(steps)["bar"]
    steps.close()  # what Gradio does when Cancel is pressed
    assert (len(done), closed) == (1, [True])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("names", "refused"),
    [(["labels.csv"], "Choose the films"), (["a.png", "labels.csv"], "is empty")],
)
def test_what_is_refused_is_not_kept(
    names: list[str], refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sent = [tmp_path / f"upload{n}" / name for n, name in enumerate(names)]
    for file in sent:
        file.parent.mkdir()
        file.touch()
    page = SimpleNamespace(job=Job(start="start", stop="stop", bar="bar", things="films"))
    steps = density_many.Answers(page=page).estimate(
        [str(file) for file in sent], density_many.UNKNOWN, None, SimpleNamespace(session_hash="1")
    )
    with pytest.raises(BoneStudioError, match=refused):
        next(steps)
    assert list(tmp_path.iterdir()) == []


def test_controls_at_rest_are_as_they_were_and_the_upload_is_used_up() -> None:
    job = Job(start="start", stop="stop", bar="bar", things="films", upload="upload")
    assert set(job.running(3, 5)) == {"start", "stop", "bar"}
    rest = job.at_rest()
    assert rest["start"]["interactive"]
    assert not rest["stop"]["interactive"]
    assert "hidden" in rest["bar"]
    assert rest["upload"] is None
    assert "upload" not in Job(start="start", stop="stop", bar="bar", things="films").at_rest()


def test_the_first_picture_is_due_at_once_the_last_always() -> None:
    pace = Pace(every=3600)
    assert [pace.due(), pace.due(), pace.due(last=True)] == [True, False, True]
    assert pace.rate(0, "films") == ""
    assert pace.rate(3, "films").endswith(" films a second")

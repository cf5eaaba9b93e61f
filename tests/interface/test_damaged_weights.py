"""Weights of a person's own that are damaged: the studio opens, and their use is one sentence."""

from pathlib import Path

import pytest

from bonestudio.checkpoints import cards
from bonestudio.errors import CheckpointError
from bonestudio.instruments.age.progression import AgeProgression
from bonestudio.instruments.lightbox.films import LightBox
from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import working_tabs


@pytest.mark.parametrize("harm", ["card", "weights"])
def test_every_tab_opens_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    whole = [tab.name for tab in working_tabs()]
    for card in cards():
        folder = tmp_path / card.system
        folder.mkdir(exist_ok=True)
        told = "{" if harm == "card" else card.model_dump_json()
        (folder / f"{card.name}.json").write_text(told, encoding="utf-8")
        for file in card.files:
            (folder / file).write_bytes(b"half of it")
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    assert [tab.name for tab in working_tabs()] == whole
    film = LightBox().open_sample("2-hand-12").film
    for use in (lambda: BoneSegmenter().segment(film), lambda: AgeProgression().progress(film)):
        with pytest.raises(CheckpointError, match="damaged") as told:
            use()
        assert "\n" not in str(told.value)
        answer = spoken("status", use)()
        assert "Not done." in answer["status"]
        assert str(tmp_path) not in answer["status"]

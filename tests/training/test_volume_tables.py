"""What is fitted to a generator's codes, and the tables of paper 003, on a generator that draws a tube."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from volume_weights import BONE, write_volume_weights

from bonestudio.checkpoints import load
from bonestudio.errors import RequestError, TrainingError
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.measures import UNITS, Measured
from bonestudio.metrics.distributions import frechet_distance
from bonestudio.metrics.extractors import find_extractor
from bonestudio.training import volume_atlas
from bonestudio.training.films import Films
from bonestudio.training.tables import volume_editing, volume_reading, volumes
from bonestudio.training.tables.table import Table, write_table
from bonestudio.turing.sources import graded


@pytest.fixture(autouse=True)
def weights(tmp_path, monkeypatch):
    """A folder of weights of one's own, and twenty tubes in place of phantoms to learn from."""
    folder = write_volume_weights(tmp_path / "weights")
    for old in folder.glob(f"volume/{BONE}-atlas.*"):
        old.unlink()
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder))
    editor = VolumeEditor(BONE)
    levels = [(editor.draw(editor.sample(seed=s)).voxels + 400) / 1800 * 255 for s in range(20)]
    films = Films(np.rint(np.stack(levels)).clip(0, 255).astype(np.uint8))
    for module in (volume_atlas, volumes, volume_editing, volume_reading):
        monkeypatch.setattr(module, "open_stacks", lambda *_, **__: (films, films))
    return folder


def test_an_atlas_finds_what_measurements_depend_on(weights, monkeypatch):
    slopes = np.random.default_rng(0).normal(size=(len(UNITS), 16))
    seen = {}

    def linear(self, code):
        seen["code"] = code
        return code

    def measured(volume):
        values = slopes @ seen["code"].values[0, 0] + 5
        return Measured(values=dict(zip(UNITS, values.tolist(), strict=True)))

    monkeypatch.setattr(VolumeEditor, "draw", linear)
    monkeypatch.setattr(VolumeEditor, "measure", staticmethod(measured))
    card = volume_atlas.learn_atlas(
        BONE, data="phantom", count=60, references=6, extractor="bone3d-phantom", out=weights
    )
    assert all(metric.value > 0.98 for metric in card.metrics)
    assert card.settings["weights"] == sorted(VolumeEditor(BONE).card.files.values())
    atlas = load(card.id)["atlas"]
    found = atlas.slopes.numpy()
    bone = VolumeEditor(BONE)
    codes = [bone.sample(seed=s, truncation=1.0).values[0, 0] for s in range(200)]
    spread = np.cov(np.stack(codes).T)
    wrong = found - slopes
    assert np.trace(wrong @ spread @ wrong.T) < 0.02 * np.trace(slopes @ spread @ slopes.T)
    assert atlas.references.shape[0] == 6


def test_realism_is_that_of_the_stacks_kept(weights, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            VolumeEditor,
            "measure",
            staticmethod(lambda v: Measured(values=dict.fromkeys(UNITS, float(v.voxels.mean())))),
        )
        volume_atlas.learn_atlas(
            BONE, data="phantom", count=40, references=20, extractor="bone3d-phantom", out=weights
        )
    editor = VolumeEditor(BONE)
    bone = editor.draw(editor.sample(seed=2))
    far = type(bone)(voxels=np.full_like(bone.voxels, 1200), spacing=bone.spacing, unit=bone.unit)
    assert editor.realism(bone) > 1
    assert editor.realism(far) < 0.5


def test_too_few_volumes_are_refused():
    with pytest.raises(TrainingError, match="At least 40"):
        volume_atlas.learn_atlas(
            BONE, data="phantom", count=5, references=0, extractor="x", out="x"
        )
    with pytest.raises(RequestError, match="At least 16"):
        volumes.volumes_table(count=3, seed=0)


def test_table_1_holds_each_generator_at_both_truncations():
    table = volumes.volumes_table(models=[BONE], count=16, seed=0)
    rows = {(row[0], row[1]): dict(zip(table.columns, row, strict=True)) for row in table.rows}
    mine = rows["3D-StyleGAN, " + BONE, 1.0]
    extractor = find_extractor("bone3d-phantom")
    editor = VolumeEditor(BONE)
    made = np.stack([editor.draw(editor.sample(seed=s, truncation=1.0)).voxels for s in range(16)])
    real = np.stack([editor.draw(editor.sample(seed=s)).voxels for s in range(16)])
    expected = frechet_distance(*(extractor.features(x, batch=8) for x in (real, made)))
    fid = mine[f"FID {extractor}"]
    assert fid[0] == pytest.approx(expected, rel=0.1, abs=0.02)
    assert fid[1] <= fid[0] <= fid[2]
    assert ("3D-StyleGAN, c 16/20", 0.8) in rows
    assert rows["virtual, held out", None][f"FID {extractor}"][0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("data", "kind"), [("phantom", "virtual"), ("scans", "real")])
def test_stacks_of_virtual_patients_are_not_called_real(data, kind):
    seen = [torch.randn(16, 2, generator=torch.Generator().manual_seed(0))]
    held_out = np.zeros((16, 1, 1, 1), np.float32)
    judge = SimpleNamespace(features=lambda *_: seen[0])
    floors = volumes._floors([judge], seen, held_out, 0, volumes.kind_of_stacks(data))
    assert [row[0] for row in floors] == [f"{kind}, two halves", f"{kind}, held out"]


def test_inversions_and_morphs_are_scored():
    inverted, morphs = volume_editing.editing_tables(
        BONE, data="phantom", count=2, updates=4, morphs=1
    )
    guess, paper, voxels = inverted.rows
    assert (guess[0], guess[1]) == ("first guess", 2)
    assert voxels[2][0] > guess[2][0]  # the voxels' error was asked to fall, and PSNR rises
    assert 0 < paper[3][0] <= 1
    steps = {row[0]: row[2] for row in morphs.rows if row[2] is not None}
    assert 1 <= steps["Tb.BMD"][0] <= 8


def test_what_experts_grade_is_blind_and_carries_the_scores_of_its_volume(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_reading, "COUNT", 6)
    folder = tmp_path / "reading"
    volume_reading.write_reading(folder, models=[BONE], data="phantom", references=16, seed=5)
    questions = graded(folder, scores=folder / "scores.csv")
    assert len(questions) == 6
    editor = VolumeEditor(BONE)
    drawn = np.stack([editor.draw(editor.sample(seed=5 + i)).voxels for i in range(6)])
    order = np.random.default_rng(5).permutation(6)
    middle = ((drawn[order[2]][4] + 400) / 1800).clip(0, 1)
    shown = questions[2].films[0].pixels[1::3, 1::3][:, 56:112]
    np.testing.assert_allclose(shown, middle, atol=1 / 250)
    names = [n for n in questions[0].scores if n.startswith("realism bone3d-phantom")]
    assert len(names) == 1
    assert len({q.scores[names[0]] for q in questions}) > 1
    with pytest.raises(RequestError, match="not empty"):
        volume_reading.write_reading(folder, models=[BONE], data="phantom", references=16, seed=5)


def test_a_table_in_which_nothing_could_be_measured_is_written_too(tmp_path):
    empty = Table(
        name="none", title="None", columns=["way", "R²"], rows=[], plotted=["R²"], notes=[]
    )
    assert [file.stat().st_size > 0 for file in write_table(empty, tmp_path)] == [True] * 3

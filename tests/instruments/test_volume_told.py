"""What the volume editor says of its edits: what stayed, how well a direction was fitted, how coarse."""

import numpy as np
import pytest
from volume_weights import BONE

from bonestudio.checkpoints import Metric
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.directions import Directions
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.measures import signed
from bonestudio.instruments.volume.model import atlas_of
from bonestudio.instruments.volume.session import Session, Step


@pytest.fixture
def bone(volume_weights, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(volume_weights))
    return VolumeEditor(BONE)


def test_what_was_to_be_kept_is_called_so_only_where_it_measures_so(bone, tmp_path):
    code = bone.sample(seed=3)
    edited = bone.edit(code, "Tb.BMD", 2.0)
    moved = bone.found(edited)[0].values["Ct.BMD"] - bone.found(code)[0].values["Ct.BMD"]
    step = Step(name="edited", code=edited, kept=("Ct.BMD",))
    session = Session.open(bone.begin("Seed 3", code).then(step).save(tmp_path / "kept.json"))
    assert session.now.kept == ("Ct.BMD",)
    bone.spreads = lambda: {"Ct.BMD": 4 * abs(moved) + 1}
    (held,) = bone.kept(session.before.code, session.now)
    assert (held.change, held.held) == (moved, True)
    bone.spreads = lambda: {"Ct.BMD": 4 * abs(moved) - 1}
    (lost,) = bone.kept(session.before.code, session.now)
    assert lost.words == f"Ct.BMD not kept, {signed(moved, 'Ct.BMD')} mg HA/cm³"
    assert lost.told()["kept"] is False
    assert lost.told()["change"] == pytest.approx(moved, abs=1e-4)


def test_a_direction_tells_how_well_its_attribute_was_fitted(bone):
    card, atlas = atlas_of(bone.card)
    scores = {"Tb.BMD": 0.178, "Ct.BMD": -0.4, "Tt.Ar": 0.41}
    metrics = tuple(
        Metric(name=f"R² of {name}", value=value, n=20, data="left out")
        for name, value in scores.items()
    )
    ways = Directions(bone.model, (card.model_copy(update={"metrics": metrics}), atlas)).every()
    assert ways[0].title == "Tb.BMD, explains 18 %"
    assert ways[0].told() == {"direction": "Tb.BMD", "explains": 0.178, "weak": False}
    assert [way.name for way in ways][1] == "Tt.Ar"
    assert ways[-1].title == "Ct.BMD, weak, explains 0 %"
    assert {way.most for way in ways if way.kind == "sefa"} <= {"Tb.BMD", "Tt.Ar"}


@pytest.mark.parametrize(("edge", "coarse"), [(0.061, False), (0.2428, True)])
def test_coarse_voxels_are_told_with_what_they_measure(edge, coarse):
    flat = Volume(voxels=np.zeros((8, 40, 40), np.float32), spacing=(edge,) * 3, unit="mg HA/cm³")
    found = VolumeEditor.measure(flat)
    assert found.told()["voxel_mm"] == edge
    assert ("not comparable with those of 61 µm scans" in found.told().get("note", "")) is coarse
    assert found.grain.startswith(f"Voxels of {edge:.3g} mm")

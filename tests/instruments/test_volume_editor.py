"""The volume editor: every edit is what it says, comes again, and is measured."""

import copy
import json

import numpy as np
import pytest
import torch
from volume_weights import BONE, PLAIN, SHAPE, SPACING

from bonestudio.checkpoints import load
from bonestudio.errors import BoneStudioError, CheckpointError, ImageError, RequestError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.codes import Code
from bonestudio.instruments.volume.directions import sefa
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.measures import UNITS, Measured, rows
from bonestudio.instruments.volume.scan import joined, stack_starts
from bonestudio.instruments.volume.session import Session, Step
from bonestudio.instruments.volume.target import approach


@pytest.fixture(autouse=True)
def _weights(volume_weights, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(volume_weights))


@pytest.fixture(params=[BONE, PLAIN])
def editor(request):
    return VolumeEditor(request.param)


@pytest.fixture
def bone():
    return VolumeEditor(BONE)


def test_the_best_generator_comes_first_and_what_is_no_generator_is_refused():
    names = [card.name for card in VolumeEditor.models()]
    assert names[:2] == [BONE, PLAIN]
    assert VolumeEditor().card.name == BONE
    with pytest.raises(CheckpointError, match="does not draw volumes"):
        VolumeEditor(f"{BONE}-encoder").sample()


def test_a_seed_always_draws_the_same_volume(editor):
    volume = editor.draw(editor.sample(seed=3))
    assert (volume.shape, volume.unit) == (SHAPE, "mg HA/cm³")
    assert volume.spacing == (SPACING,) * 3
    again = VolumeEditor(editor.card.id)
    np.testing.assert_array_equal(again.draw(again.sample(seed=3)).voxels, volume.voxels)
    assert not np.array_equal(editor.draw(editor.sample(seed=4)).voxels, volume.voxels)
    assert -400 <= volume.voxels.min() <= volume.voxels.max() <= 1400


def test_volumes_are_those_of_the_network(bone):
    code = bone.sample(seed=1)
    G = load(f"volume/{BONE}")["generator"]
    drawn = G(torch.from_numpy(code.values))[0, 0].numpy() * 1800 - 400
    np.testing.assert_allclose(bone.draw(code).voxels, drawn, atol=0.1)  # this one's noise is 0


def test_truncation_keeps_codes_near_the_middle():
    plain, bone = VolumeEditor(PLAIN), VolumeEditor(BONE)
    for seed in range(3):
        assert np.abs(plain.sample(seed=seed).values).max() <= 1.8
        assert np.abs(plain.sample(seed=seed, truncation=0.4).values).max() <= 0.4
    mean = bone.model.mean_code.numpy()
    far, near = (bone.sample(seed=1, truncation=cut).values[0] - mean for cut in (1.0, 0.25))
    np.testing.assert_allclose(near, far / 4, atol=1e-6)
    for wrong in ({"seed": -1}, {"seed": 1.5}, {"seed": 1, "truncation": 99}):
        with pytest.raises(RequestError):
            bone.sample(**wrong)


def test_noise_maps_stay_while_a_code_is_edited(bone):
    bone.model.G.blocks[1].convs[2].strength.data.fill_(0.1)
    try:
        code = bone.sample(seed=1)
        grained, again = bone.model.draw(code), bone.model.draw(code)
        np.testing.assert_array_equal(grained, again)
        plain = bone.model.draw(Code(code.values, code.starts, 0.0))
        half = bone.model.draw(Code(code.values, code.starts, 0.5))
        assert np.abs(grained - plain).mean() > 1.5 * np.abs(half - plain).mean() > 0
    finally:
        bone.model.G.blocks[1].convs[2].strength.data.zero_()


def test_a_morph_goes_from_one_volume_to_the_other(editor):
    a, b = editor.sample(seed=1), editor.sample(seed=2)
    for share, end in ((0.0, a), (1.0, b)):
        np.testing.assert_array_equal(editor.morph(a, b, share).values, end.values)
    middle = editor.morph(a, b, 0.5)
    np.testing.assert_allclose(middle.values, (a.values + b.values) / 2, atol=1e-6)
    with pytest.raises(RequestError, match="from 0 to 1"):
        editor.morph(a, b, 1.2)


def test_styles_are_mixed_at_a_layer(bone):
    a, b = bone.sample(seed=1), bone.sample(seed=2)
    mixed = bone.mix(a, b, 2).values
    np.testing.assert_array_equal(mixed[:, :2], a.values[:, :2])
    np.testing.assert_array_equal(mixed[:, 2:], b.values[:, 2:])
    np.testing.assert_array_equal(bone.draw(bone.mix(a, b, 6)).voxels, bone.draw(a).voxels)
    plain = VolumeEditor(PLAIN)
    with pytest.raises(RequestError, match="no styles to mix"):
        plain.mix(plain.sample(seed=1), plain.sample(seed=2), 1)


def test_sefa_directions_are_the_eigenvectors_of_the_paper(editor):
    model = editor.model
    layers = model.G.styles() if model.styled else [model.G.dense]
    A = np.concatenate([(layer.weight * layer.scale).numpy() for layer in layers])
    lengths = []
    for n in sefa(model, 4):
        assert np.linalg.norm(n) == pytest.approx(1, abs=1e-4)
        gram = A.T @ (A @ n)
        np.testing.assert_allclose(gram, (n @ gram) * n, atol=2e-3 * np.linalg.norm(gram))
        lengths.append(np.linalg.norm(A @ n))
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == pytest.approx(np.linalg.norm(A, 2), rel=1e-3)


def test_an_edit_is_measured_and_goes_where_its_name_says(bone):
    code = bone.sample(seed=3)
    found = [bone.found(bone.edit(code, "Tb.BMD", amount))[0].values for amount in (-1.5, 0, 1.0)]
    assert found[0]["Tb.BMD"] < found[1]["Tb.BMD"] < found[2]["Tb.BMD"]
    assert set(found[1]) == set(UNITS)
    kept = bone.direction("Tb.BMD", keep=["Ct.BMD"])
    assert kept.slope["Ct.BMD"] == pytest.approx(0, abs=1e-4)
    assert kept.slope["Tb.BMD"] > 1
    with pytest.raises(RequestError, match="cannot change while"):
        bone.direction("Tb.BMD", keep=["Tb.BMD"])
    with pytest.raises(RequestError, match=r"no direction 'Tb\.Th'"):
        bone.edit(code, "Tb.Th", 1)
    assert bone.direction("sefa-1").title.startswith("SeFa 1: ")
    assert abs(bone.direction("sefa-1").slope["Ct.BMD"]) > 1
    level = bone.direction("sefa-1", keep=["Ct.BMD", "Ct.BMD", "Tt.Ar"])
    assert [level.slope[n] for n in ("Ct.BMD", "Tt.Ar")] == pytest.approx([0, 0], abs=1e-4)
    assert bone.shape_beside("sefa-1") == ("Tt.Ar",)
    plain = VolumeEditor(PLAIN)
    with pytest.raises(RequestError, match="Nothing was fitted"):
        plain.direction("sefa-1", keep=["Tt.Ar"])


def test_edit_to_a_target_meets_it(bone):
    code = bone.sample(seed=3)
    *_, best = bone.edit_to(code, "Tb.BMD", -30)
    assert best.reached
    edited = bone.found(bone.edit(code, "Tb.BMD", best.amount))[0].values["Tb.BMD"]
    assert edited - bone.found(code)[0].values["Tb.BMD"] == pytest.approx(-30, abs=1.5)


@pytest.mark.parametrize("slope", [20.0, 3.0, 90.0, -20.0])
def test_a_target_is_found_though_the_fit_is_wrong(bone, slope):
    from dataclasses import replace

    way = replace(bone.direction("Tb.BMD"), slope={"Tb.BMD": slope})
    truth = lambda a: Measured(values={"Tb.BMD": 200 + 25 * a + 2 * a * a})  # noqa: E731
    *_, best = approach(way, 40, start=truth(0), measured_at=truth, tolerance=1)
    assert best.reached
    assert best.change == pytest.approx(40, abs=1)


def test_a_target_out_of_reach_ends_at_the_nearest(bone):
    way = bone.direction("Tb.BMD")
    flat = lambda a: Measured(values={"Tb.BMD": 200 + 30 * np.tanh(a)})  # noqa: E731
    *_, best = approach(way, 80, start=flat(0), measured_at=flat, tolerance=1)
    assert not best.reached
    assert best.change == pytest.approx(30, abs=1)


def test_a_target_of_no_change_is_the_volume_as_it_is(bone):
    code = bone.sample(seed=3)
    *_, best = bone.edit_to(code, "Tb.BMD", 0)
    assert (best.amount, best.change, best.reached) == (0, 0, True)
    *_, best = bone.edit_to(code, "Tb.BMD", 0.001)  # an α below 0.001
    assert 0 < best.amount < 1e-3
    way = bone.direction("Tb.BMD")
    none = lambda _: Measured(values={}, why="no bone")  # noqa: E731
    with pytest.raises(RequestError, match="No bone is left"):
        list(approach(way, 40, start=bone.found(code)[0], measured_at=none, tolerance=1))


def test_a_drawn_volume_is_found_again(bone):
    code = bone.sample(seed=5)
    errors = list(bone.invert(bone.prepare(bone.draw(code)), updates=12))
    assert [step.done for step in errors] == list(range(13))
    assert errors[0].guess == "encoder"
    assert errors[-1].rmse < 0.85 * errors[0].rmse
    drawn = bone.draw(errors[-1].code).voxels
    assert np.sqrt(((drawn - bone.draw(code).voxels) ** 2).mean()) < errors[0].rmse


def test_progan_descends_on_equation_7_from_the_mean():
    plain = VolumeEditor(PLAIN)
    scan = plain.prepare(plain.draw(plain.sample(seed=5)))
    steps = list(plain.invert(scan, updates=5))
    assert steps[0].guess == "mean"
    f, x = plain.model.f, torch.from_numpy(scan.stacks)[:, None]
    z = torch.from_numpy(steps[-1].code.values[:, 0])
    y = plain.model.G(z)
    features = (f.features(x) - f.features(y)).square().mean()
    expected = (x - y).square().mean() + features + z.square().mean()
    assert min(step.objective for step in steps) == pytest.approx(float(expected), rel=1e-3)


def test_a_long_scan_is_inverted_in_stacks_and_stitched(bone):
    rng = np.random.default_rng(0)
    voxels = rng.normal(60, 30, (40, 140, 120)).astype(np.float32)
    voxels[:, 30:110, 30:90] += 800
    scan = Volume(voxels=voxels, spacing=(0.2428,) * 3)
    prepared = bone.prepare(scan, whole=True)
    assert prepared.starts == stack_starts(20, 8) == (0, 4, 8, 12)
    assert "names no unit" in prepared.assumed
    assert prepared.box == ((0, 20), (1, 71), (0, 56))
    *_, last = bone.invert(prepared, updates=0)
    begun = bone.begin("scan", last.code, box=prepared.box)
    whole = bone.draw(last.code)
    assert whole.shape == (20, 72, 56)
    assert bone.cropped(whole, begun.now).shape == (20, 70, 56)
    coarse = bone.draw(last.code, stage=0)
    assert coarse.shape == (20, 36, 28)
    assert coarse.spacing == pytest.approx((SPACING, 2 * SPACING, 2 * SPACING))
    with_one = bone.morph(last.code, bone.sample(seed=1), 1.0)
    assert with_one.starts == last.code.starts


def test_stacks_join_without_a_seam():
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None], (20, 2, 2))
    starts = stack_starts(20, 8)
    stacks = np.stack([ramp[s : s + 8] for s in starts])
    np.testing.assert_allclose(joined(stacks, starts, spacing=0.1).voxels, ramp, atol=1e-5)
    assert stack_starts(84, 32) == (0, 17, 35, 52)
    with pytest.raises(RequestError, match="24 stacks"):
        stack_starts(1000, 8)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"unit": "HU"}, "in HU"),
        ({"spacing": None}, "size of its voxels"),
        ({"spacing": (5.0, 5.0, 5.0)}, "too far from"),
        ({"voxels": np.full((8, 60, 60), 3.0, np.float32)}, "no bone in"),
    ],
)
def test_what_cannot_be_inverted_is_refused(bone, change, says):
    fields = {"voxels": np.full((8, 60, 60), 900, np.float32), "spacing": (0.3,) * 3} | change
    with pytest.raises(ImageError, match=says):
        bone.prepare(Volume(**fields))


def test_history_goes_back_and_on_and_a_slider_makes_one_step(bone):
    a = bone.sample(seed=1)
    session = bone.begin("Seed 1", a)
    for amount in (0.5, 1.0, 1.5):
        base = session.base("turn").code
        assert base is a
        session = session.then(
            Step(name=f"α {amount}", code=bone.edit(base, "sefa-1", amount), turn="turn")
        )
    assert [step.name for step in session.steps] == ["Seed 1", "α 1.5"]
    assert session.undo().now.name == "Seed 1"
    assert session.undo().undo().at == 0
    assert session.undo().redo().redo() == session
    other = session.undo().then(Step(name="else", code=a))
    assert [step.name for step in other.steps] == ["Seed 1", "else"]


def test_a_session_comes_back_as_it_was_saved(bone, tmp_path):
    a, b = bone.sample(seed=1), bone.sample(seed=2)
    session = bone.begin("Seed 1", a, box=((0, 8), (1, 70), (0, 56)))
    session = session.then(Step(name="mixed", code=bone.mix(a, b, 3), turn="t"))
    session = session.then(Step(name="again", code=a)).undo()
    path = session.save(tmp_path / "kept.json")
    opened = Session.open(path)
    bone.check_session(opened)
    assert (opened.model, opened.at, opened.now.name) == (session.model, 1, "mixed")
    for mine, its in zip(session.steps, opened.steps, strict=True):
        assert (mine.name, mine.turn, mine.box) == (its.name, its.turn, its.box)
        np.testing.assert_array_equal(mine.code.values, its.code.values)
    assert len(json.loads(path.read_text())["codes"]) == 2
    with pytest.raises(CheckpointError, match="whose weights are not those"):
        VolumeEditor(PLAIN).check_session(opened)


def _changed(told, *keys, to):
    for key in keys[:-1]:
        told = told[key]
    told[keys[-1]] = to


@pytest.mark.parametrize(
    ("keys", "to"),
    [
        (["version"], 2),
        (["kind"], "else"),
        (["at"], 7),
        (["steps"], []),
        (["steps", 0, "code"], "nowhere"),
        (["steps", 0, "more"], 1),
        (["steps", 0, "kept"], ["<b>"]),
        (["model"], "../../etc/passwd"),
        (["code", "shape"], [10**6, 10**6, 10**6]),
        (["code", "shape"], [1, 6, 8]),
        (["code", "numbers"], "AAAA"),
        (["code", "numbers"], "not base64!"),
        (["code", "starts"], [5, 3]),
        (["code", "starts"], []),
        (["code", "grain"], 9),
    ],
)
def test_a_hostile_session_gets_one_sentence(bone, tmp_path, keys, to):
    told = json.loads(bone.begin("Seed 1", bone.sample(seed=1)).packed())
    if keys[0] == "code":
        keys = ["codes", next(iter(told["codes"])), *keys[1:]]
    _changed(told, *keys, to=to)
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(told))
    with pytest.raises(BoneStudioError) as said:
        bone.check_session(Session.open(path))
    assert str(said.value).count("\n") == 0


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04K\x01.", b"[" * 100_000, b"{}", b"null", b"NaN"]
)
def test_what_is_no_session_gets_one_sentence(tmp_path, content):
    path = tmp_path / "no.json"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="no session of the volume editor"):
        Session.open(path)


def test_a_volume_without_bone_is_told_and_not_measured():
    found = VolumeEditor.measure(
        Volume(voxels=np.zeros((8, 40, 40), np.float32), spacing=(0.3,) * 3, unit="mg HA/cm³")
    )
    assert not found.values
    assert "no bone" in found.why
    assert {row["after"] for row in rows(found, found)} == {"–"}


def test_other_weights_under_the_same_name_are_measured_anew(bone, monkeypatch):
    code = bone.sample(seed=1)
    before = bone.found(code)[0].values
    other = copy.copy(bone.model)
    other.G = copy.deepcopy(other.G)
    other.G.to_volume[-1].bias.data.add_(0.05)
    monkeypatch.setattr("bonestudio.instruments.volume.model.opened", lambda _: other)
    after = bone.found(code)[0].values
    assert after["Tb.BMD"] > before["Tb.BMD"] + 10
    assert after == bone.measure(bone.draw(code)).values


def test_memory_of_the_editor_does_not_grow(bone):
    code = bone.sample(seed=1)
    for k in range(12):
        bone.draw(bone.edit(code, "sefa-1", k / 10))
    assert len(bone._drawn) == 8

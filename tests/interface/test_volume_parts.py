"""What the Volume tab says beside its picture, without a browser."""

from types import SimpleNamespace

import pytest
from volume_weights import BONE

from bonestudio.instruments.volume.session import Step
from bonestudio.interface.tabs.volume_answers import Answers
from bonestudio.interface.tabs.volume_show import begun
from bonestudio.interface.tabs.volume_work import Kept, Moves, Work, editor
from bonestudio.interface.viewers.volume_editor import error_curve, measures, steps


def test_a_slider_rests_where_it_was_left_and_visitors_do_not_disturb_each_other():
    moves = Moves(most=2)
    moves.moved("a", 0.1)
    moves.moved("b", 0.9)
    assert moves.rests("a", 0.1)
    assert not moves.rests("a", 0.2)
    moves.moved("a", 0.2)
    assert not moves.rests("a", 0.1)
    assert moves.rests("b", 0.9)
    moves.moved("c", 1)
    assert moves.rests("b", 0.3)  # forgotten: whoever asks then is the newest


def test_a_page_finds_what_it_had_in_hand_and_no_other_does():
    kept = Kept(most=2)
    works = [Work(model=f"volume/{k}", session=None, second=None) for k in range(4)]
    assert kept.found("visit 1", "page a") is None
    kept.keep("visit 1", works[0])
    kept.keep("a stranger", works[1])
    kept.keep("visit 1", works[2])
    assert kept.found("visit 2", "page a") is works[2]  # reloaded: another visit, the same page
    assert kept.found("visit 3", "page b") is None
    assert kept.found("visit 4", "") is None
    kept.keep("visit 4", works[3])
    for visit in ("visit 3", "visit 5"):
        kept.found(visit, visit)
        kept.keep(visit, works[0])
    assert kept.found("visit 2", "page a") is None  # the oldest is forgotten first


def test_each_target_is_a_step_and_says_whether_the_shape_was_kept(volume_weights, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(volume_weights))
    at = editor(f"volume/{BONE}")
    page = SimpleNamespace(attribute="attribute", change="change", keep="keep", status="status")
    answers = Answers(page=page, work="work")
    monkeypatch.setattr(Answers, "neutral", lambda *_: {})
    monkeypatch.setattr(Answers, "all", lambda _self, work, *_: iter([{"work": work}]))
    code = at.sample(seed=3)
    work = begun(at.card.id, "Seed 3", code, second=Step(name="seed 2", code=code))
    for spread, change in ((0.0, -20), (1e4, 20)):
        monkeypatch.setattr(type(at), "spreads", lambda _, spread=spread: {"Tt.Ar": spread})
        asked = {"work": work, "attribute": "Tb.BMD", "change": change, "keep": True}
        *_, told = answers.aim(asked, None)
        work = told["work"]
    names = [step.name for step in work.session.steps]
    assert [name.split(", ")[-1] for name in names] == ["Seed 3", "shape not kept", "shape kept"]
    assert work.session.now.kept == ("Tt.Ar",)


def test_the_curve_falls_from_the_first_error_to_the_last():
    drawn = error_curve([200.0, 150.0, 100.0], 4)
    points = drawn.split('points="')[1].split('"')[0].split()
    assert points == ["0.0,4.0", "62.0,36.0", "124.0,68.0"]
    assert "Error 100 mg HA/cm³ after 2 of 4 updates" in drawn
    assert error_curve([], 4) == ""


def test_names_are_text_and_the_step_shown_is_marked():
    listed = steps(["Seed 1", "<b>bold</b>"], 1)
    assert "<b>" not in listed
    assert listed.count('aria-current="step"') == 1
    assert "No volume yet" in steps([], 0)


@pytest.mark.parametrize(
    ("change", "sign"), [("+2.0", "more"), ("\N{MINUS SIGN}2.0", "less"), ("0", "")]
)
def test_every_number_stands_with_its_unit(change, sign):
    row = {"name": "Ct.Th", "unit": "mm", "before": "1.0", "after": "1.1", "change": change}
    table = measures([row], notes=["Realism 1.20", "Voxels of 0.243 mm"])
    assert f'data-sign="{sign}">{change}' in table
    assert "Ct.Th <i>mm</i>" in table
    assert "Realism 1.20" in table
    assert "Voxels of 0.243 mm" in table
    assert "no bone" in measures([row], why="no bone")

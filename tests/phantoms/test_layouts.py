"""Phantoms on disk: the cohorts read them back, and the manifest makes them again."""

import json

import numpy as np
import pytest

from bonestudio.cohorts import HrPqct, Mura, RsnaBoneAge, XrayBmdPairs
from bonestudio.errors import RequestError, StorageError
from bonestudio.imaging import read_radiograph
from bonestudio.phantoms.layouts import write_phantoms
from bonestudio.phantoms.ordering import Order, orders


def write(kind, count, out, **options):
    steps = list(write_phantoms(kind, count, out, **options))
    assert steps[-1] == (count, count)
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_phalanges_are_an_rsna_folder_and_come_again_from_the_manifest(tmp_path):
    rows = write("phalange", 3, tmp_path / "new", seed=40, ages=(4, 12))
    cohort = RsnaBoneAge(tmp_path / "new")
    assert len(cohort.entries) == 3
    for entry, row in zip(cohort.entries, rows, strict=True):
        assert entry.age == pytest.approx(row["order"]["age"], abs=0.01)
        assert entry.sex == row["order"]["sex"]
    row = rows[1]
    again = Order(**row["order"]).render("only")
    kept = read_radiograph(tmp_path / "new" / row["images"][0]["file"])
    assert np.abs(kept.pixels - again.image.pixels).max() < 1e-4  # 16 bits
    bits = np.load(tmp_path / "new" / "masks" / "images" / f"{row['name']}.npy", allow_pickle=False)
    for name, bit in row["images"][0]["mask_labels"].items():
        assert ((bits >> bit & 1).astype(bool) == again.truth.masks[name]).all(), name


def test_forearms_are_a_mura_tree_with_both_classes(tmp_path):
    rows = write("forearm", 4, tmp_path / "new", seed=9)
    mura = Mura(tmp_path / "new", region="XR_FOREARM")
    assert sorted(len(views) for views in mura.studies.values()) == [2] * 4
    assert {sample.labels["abnormal"] for sample in mura.entries} == {0, 1}
    for row in rows:
        codes = {image["labels"].get("ao") for image in row["images"]}
        assert (codes != {None}) == row["order"]["abnormal"]
    assert {len(part) for part in mura.parts().values()} != {0}


def test_hips_are_pairs(tmp_path):
    write("hip", 1, tmp_path / "new", seed=3)
    pairs = XrayBmdPairs(tmp_path / "new", maps="both")
    sample = pairs.load(0)
    assert sample.labels["height_cm"] > 100
    assert set(sample.maps) == {"proximal_femur_bmd_g_cm2", "bone_bmd_g_cm2"}
    assert sample.maps["bone_bmd_g_cm2"].max() >= sample.maps["proximal_femur_bmd_g_cm2"].max() > 0


def test_scans_leave_bad_grades_to_the_cohort(tmp_path):
    seeds = [
        order.seed
        for order in orders("radius", 40, seed=0, style="natural", ages=(1, 19))
        if order.grade <= 3
    ]
    write("radius", 1, tmp_path / "new", seed=seeds[0])
    scan = HrPqct(tmp_path / "new").load(0)
    assert scan.spacing is not None
    assert scan.labels["grade"] <= 3


def test_an_interrupted_run_goes_on_where_it_stood(tmp_path):
    out = tmp_path / "new"
    running = write_phantoms("phalange", 16, out, workers=2, ages=(4, 12))
    for _ in range(3):
        next(running)
    running.close()
    assert not (out / "labels.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in (out / "images").glob("*.png")}
    done = len((out / "done.jsonl").read_text().splitlines())
    write("phalange", 16, out, workers=2, ages=(4, 12))
    kept = sum(path.stat().st_mtime_ns == time for path, time in before.items())
    assert kept >= done >= 3
    assert len(RsnaBoneAge(out).entries) == 16
    assert not (out / "done.jsonl").exists()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"kind": "elbow"}, "not 'elbow'"),
        ({"count": -3}, "not -3"),
        ({"style": "cubist"}, "not 'cubist'"),
        ({"ages": (4, 45)}, "45"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_bad_requests_are_one_sentence_and_leave_nothing(tmp_path, request_, says):
    asked = {"kind": "phalange", "count": 1, "ages": (4, 12)} | request_
    kind, count = asked.pop("kind"), asked.pop("count")
    with pytest.raises(RequestError, match=says) as refused:
        list(write_phantoms(kind, count, tmp_path / "new", **asked))
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.rglob("*.png"))


def test_a_full_folder_and_a_full_disk_are_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="not empty"):
        list(write_phantoms("phalange", 1, tmp_path))
    monkeypatch.setattr(np, "save", _full)
    with pytest.raises(StorageError, match="No space left"):
        list(write_phantoms("phalange", 1, tmp_path / "new", ages=(4, 5)))


def _full(*_, **__):
    raise OSError(28, "No space left on device")

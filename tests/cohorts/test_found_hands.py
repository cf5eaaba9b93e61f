import shutil

import pytest

from bonestudio.cohorts import RsnaBoneAge, found_hands
from bonestudio.errors import RequestError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def three_hands(real_hands, tmp_path):
    folder = tmp_path / "hands"
    folder.mkdir()
    for film in ("2316", "2328", "4280"):
        shutil.copy(real_hands / "images" / f"{film}.jpg", folder)
    shutil.copy(real_hands / "labels.csv", folder)
    return folder


def test_phalanges_are_found_once_and_kept_as_numbers(three_hands, monkeypatch):
    heard = []
    crops = RsnaBoneAge(three_hands).phalanges(
        fingers=(2, 3), size=64, progress=lambda *at: heard.append(at)
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert [e.name for e in crops.entries] == [
        "2316-2",
        "2316-3",
        "2328-2",
        "2328-3",
        "4280-2",
        "4280-3",
    ]
    sample = crops[2]
    assert sample.image.shape == (64, 64)
    assert (sample.patient, sample.age, sample.sex) == ("2328", 14.0, "M")
    assert sample.labels["finger"] == 2

    def never(_film):
        pytest.fail("a film was searched again")

    monkeypatch.setattr(found_hands, "_find", never)
    again = RsnaBoneAge(three_hands).phalanges(fingers=(2, 3), size=64)
    assert [e.name for e in again.entries] == [e.name for e in crops.entries]
    assert abs(again[2].image - sample.image).max() < 0.01
    kept = again.found["2328"]
    assert 0.05 < kept.contrast[2] < 0.2  # a dark film
    bright = RsnaBoneAge(three_hands).phalanges(min_contrast=0.3)
    assert "2328-2" not in [e.name for e in bright.entries]


def test_fingers_of_a_hand_share_its_part(three_hands):
    hands = RsnaBoneAge(three_hands)
    crops = hands.phalanges(fingers=(2, 3, 4, 5))
    parts = crops.parts()
    assert sorted(i for part in parts.values() for i in part) == list(range(len(crops)))
    for part, numbers in parts.items():
        of_hands = {hands.entries[i].name for i in hands.parts()[part]}
        assert {crops.entries[i].patient for i in numbers} <= of_hands
    with pytest.raises(RequestError, match="name at least one"):
        hands.phalanges(fingers=())


@pytest.mark.parametrize("damage", ["", "id,bytes\n", "garbage\x00,\n1,2,3\n"])
def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch, film, damage):
    film(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("id,boneage,male\na,100,True\n")
    searched = []

    def find(path):
        searched.append(path.name)
        return found_hands.FoundHand(path.stat().st_size, None, dict.fromkeys((2, 3, 4, 5), 0.0))

    monkeypatch.setattr(found_hands, "_find", find)
    films = {"a": tmp_path / "a.png"}
    found_hands.found_hands(tmp_path, films)
    found_hands.found_hands(tmp_path, films)
    assert searched == ["a.png"]
    (kept,) = (found_hands.cache() / "joints").glob("*.csv")
    kept.write_text(damage)
    assert found_hands.found_hands(tmp_path, films)["a"].joints is None
    assert searched == ["a.png", "a.png"]
    film(tmp_path / "a.png", shape=(40, 50))  # another image under the same name
    found_hands.found_hands(tmp_path, films)
    assert len(searched) == 3

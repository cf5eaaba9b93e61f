"""Orders, encoding, the leak audit, and what a report says."""

import hashlib
import io
import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import SEED, film, make_deck, make_protocol, open_study
from PIL import Image
from test_store import read_all

from bonestudio.imaging.types import Radiograph
from bonestudio.turing.audit import audit, not_audited
from bonestudio.turing.export import to_csv, to_imrmc
from bonestudio.turing.items import Deck, decode, encode
from bonestudio.turing.order import order_items
from bonestudio.turing.reading import Reading
from bonestudio.turing.report import to_html
from bonestudio.turing.results import analyse


def lay_out(protocol, reader="1", round_number=1):
    return order_items(protocol, seed=SEED, reader=reader, round_number=round_number)


def test_orders_repeat_themselves_and_differ_between_readers_and_rounds():
    protocol = make_protocol(make_deck(count=40))
    assert lay_out(protocol) == lay_out(protocol)
    orders = [lay_out(protocol), lay_out(protocol, "2"), lay_out(protocol, round_number=2)]
    assert all([s.item for s in a] != [s.item for s in b] for a, b in pairwise(orders))


def test_classes_are_balanced_in_every_stretch():
    protocol = make_protocol(make_deck(count=100, practice=0), repeats=0)
    truth = {item.key: item.truth for item in protocol.items}
    for reader in map(str, range(20)):
        said = [truth[slot.item] == "real" for slot in lay_out(protocol, reader)]
        assert all(4 <= sum(said[i : i + 10]) <= 6 for i in range(0, 100, 10))


def test_repeats_are_late_hidden_and_as_many_as_asked():
    protocol = make_protocol(make_deck(count=50, practice=3), repeats=0.2)
    for reader in map(str, range(20)):
        slots = lay_out(protocol, reader)
        assert [s.practice for s in slots] == [True] * 3 + [False] * 60
        first = {s.item: i for i, s in enumerate(slots) if not s.repeat}
        again = [(i - first[s.item]) for i, s in enumerate(slots) if s.repeat]
        assert len(again) == 10
        assert min(again) > 10


def test_sides_of_pairs_are_balanced():
    protocol = make_protocol(make_deck("older-of-two", count=25), "older-of-two", repeats=0)
    sides = [sum(s.swapped for s in lay_out(protocol, str(r)) if not s.practice) for r in range(30)]
    assert set(sides) == {12, 13}


def test_both_classes_are_written_the_same_way():
    smooth = Radiograph(pixels=np.tile(np.linspace(0.2, 0.4, 90, dtype=np.float32), (70, 1)))
    grainy = film(1, shape=(120, 60))
    pngs = [encode(one, (64, 48)) for one in (smooth, grainy)]
    assert len(pngs[0]) == len(pngs[1])  # the length must not tell the classes apart
    for png in pngs:
        chunks = re.findall(rb"IHDR|IDAT|IEND|tEXt|zTXt|iTXt|eXIf|tIME|pHYs|gAMA|sRGB", png)
        assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
        with Image.open(io.BytesIO(png)) as image:
            assert (image.size, image.mode, image.info) == ((48, 64), "L", {})
        assert decode(png).max() > 200  # stretched, whatever the exposure


def test_the_audit_sees_a_border_and_passes_alike_classes():
    leaking, alike = Deck(size=(32, 32)), Deck(size=(32, 32))
    for i in range(60):
        pixels = film(1000 + i, shape=(32, 32)).pixels.copy()
        alike.add([Radiograph(pixels=pixels)], "real" if i % 2 else "synthetic")
        if i % 2:
            pixels = pixels.copy()
            pixels[0] *= 0.3
        leaking.add([Radiograph(pixels=pixels)], "real" if i % 2 else "synthetic")
    seen = audit(leaking.items, leaking.images)
    assert seen["border"] > 0.95
    assert seen["file size"] == 0.5
    assert max(audit(alike.items, alike.images).values()) < 0.75  # 60 images of pure noise
    assert not not_audited(leaking.items)
    for some, why in (
        (leaking.items[::2], "not two classes"),
        (leaking.items[:9], "smaller has 4"),
    ):
        assert audit(some, leaking.images) == {}
        assert why in not_audited(some)


def test_a_changed_protocol_has_another_hash():
    deck = make_deck()
    protocol = make_protocol(deck)
    assert protocol.hash == make_protocol(deck).hash
    assert protocol.hash != make_protocol(deck, margin=0.11).hash
    assert protocol.hash != make_protocol(deck, title="Feet").hash
    with pytest.raises(ValueError, match="frozen"):
        protocol.margin = 0.2


@pytest.mark.parametrize("kind", ["real-or-synthetic", "older-of-two", "grading"])
@pytest.mark.parametrize("readers", [1, 3])
def test_a_report_of_every_kind(sqlite_store, kind, readers):
    study = open_study(sqlite_store, kind, title="Hands <script>")
    names = ["Dr. <b>A</b>", "=B()", "C"][:readers]
    for number, name in enumerate(names):
        chance = np.random.default_rng(number)
        token = sqlite_store.enrol(study, name)
        read_all(Reading(sqlite_store, token), lambda _: str(chance.choice(["real", "synthetic"])))  # noqa: B023
    sqlite_store.unblind(study, reason="done")
    rows = sqlite_store.reads(study)
    results = analyse(sqlite_store.protocol(study), rows)
    page = to_html(results, verified=sqlite_store.verify(study))
    assert "Methods" in page
    assert "<svg" in page
    assert "verifies" in page
    assert "<script" not in page
    assert "<b>A</b>" not in page
    assert not re.findall(r"""(?:src|href)=["']?https?:""", page)
    hidden = to_html(results, verified=["Line 3 was changed."], hidden=True)
    assert "Dr. " not in hidden
    assert "Line 3 was changed." in hidden
    lines = to_csv(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert not any(line.startswith("=") for line in lines)  # a spreadsheet would run it
    assert any(line.startswith("'=B()") for line in lines) == (readers > 1)
    if kind != "grading":
        text = to_imrmc(rows, title="Hands")
        assert f"NR: {readers}" in text
        body = text.split("BEGIN DATA:\n")[1].splitlines()
        assert sum(line.startswith("-1,") for line in body) == 20
        assert len(body) == 20 * (1 + readers)
        assert "Dr." not in text


def test_the_seed_can_be_shown_to_be_the_one_committed_to():
    protocol = make_protocol(make_deck())
    assert hashlib.sha256(SEED).hexdigest() == protocol.seed_commitment

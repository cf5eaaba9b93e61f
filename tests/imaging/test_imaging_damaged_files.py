"""Two thousand damaged files of every format: an image or one sentence, nothing else."""

import threading
from collections import Counter

import fuzz_readers
import pytest


@pytest.fixture(scope="module")
def good():
    return fuzz_readers.good_files()


@pytest.mark.parametrize("kind", fuzz_readers.FORMATS)
def test_two_hundred_damaged_files(kind, good, tmp_path):
    path = tmp_path / "damaged"
    counts = Counter()
    first = fuzz_readers.FORMATS.index(kind)
    for number in range(first, 2000, len(fuzz_readers.FORMATS)):
        made, content = fuzz_readers.case(number, good, seed=99)
        path.write_bytes(content)
        # A decoder that never ends is named by its case before the suite's own limit ends it.
        watch = threading.Timer(30, print, [f"case {number} takes longer than 30 s"])
        watch.start()
        found = fuzz_readers.outcome(path)
        watch.cancel()
        assert made == kind
        assert found in {"image", "clear error"}, f"case {number}: {found}"
        counts[found] += 1
    assert counts.total() == 200
    assert counts["clear error"] > 50  # The damage is real,
    assert counts["image"] > 2  # and not every file is beyond reading.


def test_the_files_before_their_damage_are_images(good, tmp_path):
    for kind, contents in good.items():
        read = 0
        for content in contents:
            (tmp_path / "a").write_bytes(content)
            read += fuzz_readers.outcome(tmp_path / "a") == "image"
        # Of pydicom's files four are colour films, reports, or of a compression with no decoder.
        assert read >= len(contents) - (4 if kind == "DICOM" else 0), kind

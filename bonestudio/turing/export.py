"""The answers for other programs: tidy CSV, and the iMRMC format of the FDA's software."""

import csv
import io
from contextlib import suppress
from pathlib import Path

from bonestudio.cells import harmless
from bonestudio.errors import StudyError
from bonestudio.imaging.files import write_bytes
from bonestudio.turing.reads import Rows, by_reader
from bonestudio.turing.report import to_html
from bonestudio.turing.results import analyse
from bonestudio.turing.store import Store

COLUMNS = (
    "reader",
    "round",
    "position",
    "item",
    "practice",
    "repeat",
    "swapped",
    "truth",
    "group",
    "choice",
    "confidence",
    "milliseconds",
    "at",
)
LOOKED = ("zoomed", "windowed", "unfocused", "paused", "screen")


def to_csv(rows: Rows) -> str:
    """One line an answer, with practice and repeats marked, and how the image was looked at."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, (*COLUMNS, *LOOKED), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        looked = {name: row["looked"].get(name, "") for name in LOOKED}
        writer.writerow({name: harmless(row[name]) for name in COLUMNS} | looked)
    return buffer.getvalue()


def to_imrmc(rows: Rows, *, title: str, modality: str = "study") -> str:
    """Ratings from −5 (surely real) to 5 (surely synthetic), the truth as reader −1.

    Readers and cases are numbered, so that no name leaves the studio.
    """
    reads = by_reader(rows)
    truth: dict[str, bool] = {}
    for one in reads:
        truth |= dict(zip(one.items, map(bool, one.truth), strict=True))
    if len(set(truth.values())) < 2:
        raise StudyError("The iMRMC format needs cases of both classes.")
    number = {item: i for i, item in enumerate(truth, start=1)}
    lines = [
        " ".join(title.split()),
        "",
        f"NR: {len(reads)}",
        f"N0: {sum(not t for t in truth.values())}",
        f"N1: {sum(truth.values())}",
        "NM: 1",
        "",
        "BEGIN DATA:",
        *(f"-1,{number[item]},0,{int(t)}" for item, t in truth.items()),
    ]
    for i, one in enumerate(reads, start=1):
        ratings = zip(one.items, one.rating, strict=True)
        lines += [f"{i},{number[item]},{modality},{rating:g}" for item, rating in ratings]
    return "\n".join(lines) + "\n"


def write_report(store: Store, study: str, folder: Path, *, hidden: bool = False) -> list[Path]:
    """Write report.html, reads.csv and (where both classes were read) reads.imrmc."""
    protocol, rows = store.protocol(study), store.reads(study)
    page = to_html(analyse(protocol, rows), verified=store.verify(study), hidden=hidden)
    texts = {"report.html": page, "reads.csv": to_csv(rows)}
    if protocol.kind != "grading":
        with suppress(StudyError):
            texts["reads.imrmc"] = to_imrmc(rows, title=protocol.title)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in texts]

"""A labelled set as a ZIP: MURA's layout, a mask for each image, a manifest that makes each again.

``train|valid/XR_FOREARM/patient0000012/study1_positive/image1.png`` (8 bits, grey), its mask under
``masks/`` at the same path (red: the break, green: radius, blue: ulna) and ``manifest.jsonl``: one
line an image with everything that makes it again, bit for bit, and the SHA-256 of its file.

An image is made by itself, never in a batch, and packed in the order of the manifest: the same
request gives the same ZIP, byte for byte.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from bonestudio import batch
from bonestudio.errors import ImageError, RequestError, StorageError
from bonestudio.instruments.fracture.design import Design
from bonestudio.instruments.fracture.models import weights_hash
from bonestudio.instruments.fracture.refiner import Refiner
from bonestudio.instruments.fracture.wanted import Wanted

MANIFEST: Final = "manifest.jsonl"
_READ_ME: Final = """Simulated radiographs, made by Bone Studio. Research use, not for diagnosis.

Nobody is behind these images: arms are virtual patients, hands were drawn by a network.
train/ and valid/ have the layout of MURA; study1_positive is broken, study1_negative is not.
masks/ has, at the same path, where the break (red), the radius (green) and the ulna (blue) are.
manifest.jsonl has one line an image; 'bonestudio synthesise again' makes any of them once more.
"""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a set is.

    Attributes
    ----------
    image, mask, row
        Files of the image made last (PNG), and its line of the manifest.
    path
        The set, once it is whole.
    """

    done: int
    total: int
    image: bytes | None = None
    mask: bytes | None = None
    row: dict[str, Any] | None = None
    path: Path | None = None


def export(wanted: Wanted, path: Path, *, workers: int = 1) -> Iterator[Progress]:
    """Make a set and pack it into ``path`` (a .zip), telling after each image how far it is.

    Closing the iterator stops the work within an image; nothing is left of it then, nor after an
    error. An older file of that name is untouched until the new one is whole.
    """
    if path.suffix.lower() != ".zip":
        raise RequestError(f"A set is packed into a .zip, not into '{path.name}'.")
    rows: list[dict[str, Any]] = []
    scratch = _scratch(path)
    try:
        with ZipFile(scratch, "w", ZIP_STORED) as pack:
            yield Progress(done=0, total=wanted.total)
            for image, mask, row in _made(wanted, workers):
                _put(pack, row["file"], image)
                if mask is not None:
                    _put(pack, row["mask"], mask)
                rows.append(row)
                done = Progress(done=len(rows), total=wanted.total, image=image, mask=mask, row=row)
                if len(rows) < wanted.total:  # the last one is told of when the set is whole
                    yield done
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            _put(pack, MANIFEST, lines.encode(), packed=True)
            _put(pack, "README.txt", _READ_ME.encode(), packed=True)
        scratch.chmod(0o644)
        scratch.replace(path)
    except OSError as error:
        raise StorageError(
            f"The set cannot be written to {path.parent}: {error.strerror}; nothing is left of it."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)
    yield replace(done, path=path)


def regenerate(row: dict[str, Any]) -> tuple[bytes, bytes | None]:
    """Make the image of a line of a manifest again, and its mask: the files' bytes."""
    with _one_thread():
        return _made_of(row)


def _made_of(row: dict[str, Any]) -> tuple[bytes, bytes | None]:
    from bonestudio.imaging.pictures import encode_png
    from bonestudio.instruments.fracture.hands import HandGenerator

    try:
        if "hand" in row:
            hands = HandGenerator(row["model"]["id"])
            _same_weights(row["model"], weights_hash(hands.card))
            (hand,) = hands.sample(row["hand"]["seed"], 1, truncation=row["hand"]["truncation"])
            return encode_png(hand.film, bits=8), None
        designed = Design.from_dict(row["design"]).render()
        film = designed.film
        masks = {**designed.truth.masks, "fracture": designed.mask}
        if row.get("refiner"):
            refiner = Refiner(row["refiner"]["id"])
            _same_weights(row["refiner"], weights_hash(refiner.card))
            (film,) = refiner.refine([film])
            masks = {name: refiner.prepare_mask(mask) for name, mask in masks.items()}
    except (KeyError, TypeError) as error:
        raise RequestError(f"This is no line of a set's manifest: {error} is missing.") from error
    return encode_png(film, bits=8), _mask(masks)


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Read the manifest of a ZIP, or a manifest by itself."""
    try:
        if path.suffix.lower() == ".zip":
            with ZipFile(path) as pack:
                text = pack.read(MANIFEST).decode()
        else:
            text = path.read_text(encoding="utf-8")
        rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ImageError(
            f"'{path.name}' holds no manifest; give a set's ZIP or its manifest.jsonl."
        ) from error
    return rows


def _made(wanted: Wanted, workers: int) -> Iterator[tuple[bytes, bytes | None, dict[str, Any]]]:
    """Make every image, in order."""
    if workers == 1:
        for row in wanted.images():
            yield _make(row)
        return
    # Processes finish in any order; what is early waits here.
    names = [row["file"] for row in wanted.images()]
    items = {row["file"]: row for row in wanted.images()}
    early: dict[str, Any] = {}
    outcomes = batch.run(_make, items, workers=workers)
    try:
        for name in names:
            while name not in early:
                outcome = next(outcomes)
                if outcome.error:
                    raise StorageError(outcome.error)
                early[outcome.key] = outcome.value
            yield early.pop(name)
    finally:
        outcomes.close()  # type: ignore[attr-defined]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Add up in one order: sums of several threads differ in their last bits, at times by a grey."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _make(row: dict[str, Any]) -> tuple[bytes, bytes | None, dict[str, Any]]:
    image, mask = regenerate(row)
    told = {**row, "sha256": hashlib.sha256(image).hexdigest()}
    if mask is not None:
        told["mask"] = f"masks/{row['file']}"
    return image, mask, told


def _same_weights(told: dict[str, str], here: str) -> None:
    if told["hash"] != here:
        raise RequestError(
            f"The manifest's {told['id']} ({told['hash']}) are not the weights of that name here "
            f"({here}): the images would be others."
        )


def _mask(masks: Any) -> bytes:
    """Colour PNG: red the break, green the radius, blue the ulna; they may overlap."""
    from PIL import Image

    nothing = np.zeros_like(masks["fracture"])
    layers = [masks.get(name, nothing) for name in ("fracture", "radius", "ulna")]
    out = io.BytesIO()
    Image.fromarray(np.stack(layers, -1).astype(np.uint8) * 255).save(out, "PNG", compress_level=4)
    return out.getvalue()


def _put(pack: ZipFile, name: str, content: bytes, *, packed: bool = False) -> None:
    """Write a file with no date, so that equal sets are equal files."""
    info = ZipInfo(name)
    info.external_attr = 0o644 << 16
    pack.writestr(info, content, ZIP_DEFLATED if packed else ZIP_STORED)


def _scratch(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.stem}-", suffix=".part", delete=False
        ) as file:
            return Path(file.name)
    except OSError as error:
        raise StorageError(
            f"The set cannot be written to {path.parent}: {error.strerror}."
        ) from error

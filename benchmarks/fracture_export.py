"""A labelled set as the Fracture studio exports it: time, cancelling, reading back, making again.

    python benchmarks/fracture_export.py --count 500 --workers 2

Prints seconds and images per second, how long a cancelled export takes to stop and what it leaves,
what ``cohorts.Mura`` reads back, and how many of 20 images drawn by chance come again bit for bit
(made once more in a process of its own, from the manifest alone).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import torch

from bonestudio.cohorts import Mura
from bonestudio.instruments.fracture.export import export, read_manifest
from bonestudio.instruments.fracture.wanted import Wanted
from bonestudio.phantoms.ordering import REGIONS

AGAIN = 20
_ONE = """
import hashlib, json, sys
from bonestudio.instruments.fracture.export import regenerate
for line in sys.stdin:
    image, mask = regenerate(json.loads(line))
    print(hashlib.sha256(image).hexdigest(), hashlib.sha256(mask or b"").hexdigest())
"""


def cancelled(wanted, folder):
    """Seconds from Cancel, pressed at the tenth image, to nothing being left."""
    making = export(wanted, folder / "cancelled.zip")
    for step in making:
        if step.done == 10:
            break
    started = time.perf_counter()
    making.close()
    took = time.perf_counter() - started
    return took, [one.name for one in folder.iterdir() if "cancelled" in one.name]


def made_again(path, rows, *, threads):
    """Count images whose file and mask come out of another process as they are in the set."""
    chosen = random.Random(0).sample(rows, min(AGAIN, len(rows)))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"import torch; torch.set_num_threads({threads})\n{_ONE}",
        ],
        input="".join(json.dumps(row) + "\n" for row in chosen),
        capture_output=True,
        text=True,
        check=True,
    )
    import hashlib

    same = 0
    with zipfile.ZipFile(path) as pack:
        for row, line in zip(chosen, done.stdout.splitlines(), strict=True):
            image, mask = line.split()
            own = pack.read(row["mask"]) if "mask" in row else b""
            same += (
                image == row["sha256"] == hashlib.sha256(pack.read(row["file"])).hexdigest()
                and mask == hashlib.sha256(own).hexdigest()
            )
    return same, len(chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="forearm", choices=["forearm", "wrist", "hand"])
    parser.add_argument("--count", type=int, default=500, help="images of each class")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--refined", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    wanted = Wanted(source=asked.source, count=asked.count, size=asked.size, refined=asked.refined)
    out = Path("artefacts/fracture_export")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "set.zip"

    stop, left = cancelled(wanted, out)
    started = time.perf_counter()
    told = [step.done for step in export(wanted, path, workers=asked.workers)]
    took = time.perf_counter() - started
    rows = read_manifest(path)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(path).extractall(folder)
        mura = Mura(folder, region=REGIONS[asked.source])
        read = sum(mura[i].image.shape == (asked.size, asked.size) or asked.source == "hand" for i in range(len(mura)))  # fmt: skip
    lines = [
        ("images", f"{len(rows)}, {sum(row['label'] for row in rows)} positive"),
        ("time", f"{took:.1f} s, {len(rows) / took:.1f} images a second, {asked.workers} process(es)"),
        ("size of the ZIP", f"{path.stat().st_size / 1e6:.1f} MB"),
        ("progress", f"{len(told)} steps, {'each image once' if told == list(range(wanted.total + 1)) else 'NOT in order'}"),
        ("cancel", f"stopped in {stop:.2f} s, left {left or 'nothing'}"),
        ("read back through Mura", f"{read} images, {len(mura.studies)} studies"),
    ]  # fmt: skip
    for threads in (1, 2):
        same, of = made_again(path, rows, threads=threads)
        lines.append((f"again, {threads} thread(s)", f"{same} of {of} bit for bit"))
    lines.append(("machine", f"torch {torch.__version__}"))
    text = "\n".join(f"{name:<24}{value}" for name, value in lines)
    print(text)
    (out / "figures.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Damage image files of every format and read them: only an image or one clear sentence may come.

``python benchmarks/fuzz_readers.py --n 100000`` damages good files in a hundred thousand ways and
counts, per format, images, clear errors and anything else: another exception, a dead process, more
than 5 s of work, more than 2 GB of memory. Each case is made from its number alone, so one that
fails can be made again: ``--only 4711``. Files that fail are kept under artefacts/fuzz/.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from fuzz_seeds import good_files

FORMATS = ("PNG", "JPEG", "TIFF", "DICOM", "NIfTI", "NRRD", "MHA", "NPY", "AIM", "ISQ")
SECONDS, GIGABYTES = 5.0, 2.0
OUT = Path(__file__).parents[1] / "artefacts" / "fuzz"
_EXTREME = (0, 1, 2, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def case(number, files, seed=0):
    """Format and bytes of one damaged file."""
    rng = np.random.default_rng([seed, number])
    kind = FORMATS[number % len(FORMATS)]
    content = files[kind][rng.integers(len(files[kind]))]
    if content.startswith(b"\x1f\x8b") and rng.random() < 0.5:
        return kind, gzip.compress(damage(gzip.decompress(content), rng), 1, mtime=0)
    damaged = damage(content, rng)
    return kind, _checked(damaged) if kind == "PNG" and rng.random() < 0.7 else damaged


def _checked(png):
    """Give a damaged PNG right check sums, so that its decoder meets the damage."""
    data, at = bytearray(png), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(data)


def damage(content, rng):  # noqa: C901 - one branch a kind of damage
    """Cut, flip, overwrite, insert, remove, repeat or put extreme numbers, once to four times."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        # Headers are where a few bytes do most harm.
        reach = min(len(data), int(rng.choice([64, 512, 2048, len(data)])))
        at = int(rng.integers(reach))
        length = int(rng.integers(1, max(2, min(256, len(data) - at))))
        match rng.integers(9):
            case 0:
                del data[int(rng.integers(len(data))) :]
            case 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at] = int(rng.integers(256))
            case 3:
                data[at : at + length] = rng.bytes(length)
            case 4:
                data[at : at + length] = bytes([int(rng.choice([0, 255]))]) * length
            case 5:
                del data[at : at + length]
            case 6:
                data[at:at] = data[at : at + length] * int(rng.integers(1, 4))
            case 7:
                word = struct.pack(rng.choice(["<I", ">I"]), int(rng.choice(_EXTREME)))
                data[at : at + 4] = word
            case 8:
                digits = [n for n, byte in enumerate(data[:1024]) if 48 <= byte <= 57]
                if digits:
                    where = digits[int(rng.integers(len(digits)))]
                    data[where : where + 1] = rng.choice([b"0", b"9", b"-1", b"99999", b"nan"])
    return bytes(data)


def outcome(path):
    """Read one file: 'image', 'clear error', or the traceback of anything else."""
    from bonestudio.errors import BoneStudioError
    from bonestudio.imaging import describe

    try:
        describe(path)
    except BoneStudioError as error:
        sentence = str(error)
        return "clear error" if 20 < len(sentence) < 400 else f"no sentence: {sentence!r}"
    except BaseException:  # noqa: BLE001 - this is what is looked for
        return traceback.format_exc()
    return "image"


def _work(numbers, seed, files, progress, results):
    """Read cases one after the other, telling which one is under way."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    parent = os.getppid()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        for number in numbers:
            if os.getppid() != parent:  # Nobody is watching any more.
                return
            kind, content = case(number, files, seed)
            path.write_bytes(content)
            progress[0], progress[1] = number, time.process_time()
            before = time.process_time()
            found = outcome(path)
            spent = time.process_time() - before
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            if spent > SECONDS:
                found = f"{spent:.1f} s of work"
            results.put((number, kind, found, spent, peak))
            if peak > GIGABYTES:
                return


def _cpu(pid):
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(int(t) for t in ticks) / os.sysconf("SC_CLK_TCK")


def run(count, seed=0):  # noqa: C901 - a watchdog reads best in one piece
    """Watch a worker through all cases; one that dies or hangs is counted and replaced."""
    context = multiprocessing.get_context("spawn")
    counts, slowest, largest, failures = defaultdict(Counter), 0.0, 0.0, []
    files, following = good_files(), 0
    while following < count:
        results = context.SimpleQueue()
        progress = context.Array("d", [-1.0, 0.0])
        worker = context.Process(
            target=_work, args=(range(following, count), seed, files, progress, results)
        )
        worker.start()
        verdict = None
        while True:
            while not results.empty():
                number, kind, found, spent, peak = results.get()
                slowest, largest = max(slowest, spent), max(largest, peak)
                if peak > GIGABYTES:
                    found = f"{peak:.1f} GB"
                known = found in {"image", "clear error"}
                counts[kind][found if known else "anything else"] += 1
                if not known:
                    failures.append((number, kind, found))
                    print(f"--- {number} {kind}: {found}", flush=True)
                following = number + 1
                if following % 5000 == 0:
                    print(f"{following} cases, {len(failures)} failures", flush=True)
            if not worker.is_alive():
                if worker.exitcode != 0:
                    verdict = f"process ended with {worker.exitcode}"
                break
            at, since = progress[0], progress[1]
            if at >= following and _cpu(worker.pid) - since > 2 * SECONDS:
                verdict = f"no end after {2 * SECONDS:.0f} s of work"
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()
                break
            time.sleep(0.05)
        if verdict and results.empty():
            if progress[0] < 0:
                raise RuntimeError(f"The worker cannot start: {verdict}")
            number = max(int(progress[0]), following)
            kind = FORMATS[number % len(FORMATS)]
            counts[kind]["anything else"] += 1
            failures.append((number, kind, verdict))
            print(f"--- {number} {kind}: {verdict}", flush=True)
            following = number + 1
    return counts, failures, slowest, largest


def table(counts):
    """Write the counts as text."""
    columns = ("image", "clear error", "anything else")
    lines = [f"{'format':8}" + "".join(f"{c:>15}" for c in columns)]
    lines += [f"{k:8}" + "".join(f"{counts[k][c]:>15}" for c in columns) for k in FORMATS]
    total = [sum(counts[k][c] for k in FORMATS) for c in columns]
    return "\n".join([*lines, f"{'all':8}" + "".join(f"{n:>15}" for n in total)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="how many damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="make and read this one case, with its traceback")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    if options.only is not None:
        kind, content = case(options.only, good_files(), options.seed)
        path = OUT / f"{options.only}.{kind.lower()}"
        path.write_bytes(content)
        print(path, outcome(path), sep="\n")
        return 0
    start = time.monotonic()
    counts, failures, slowest, largest = run(options.n, options.seed)
    files = good_files()
    for number, kind, _ in failures[:200]:
        (OUT / f"{number}.{kind.lower()}").write_bytes(case(number, files, options.seed)[1])
    print(table(counts))
    print(f"{time.monotonic() - start:.0f} s; slowest {slowest:.2f} s, largest {largest:.2f} GB")
    report = {"n": options.n, "seed": options.seed, "counts": counts, "failures": failures}
    (OUT / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

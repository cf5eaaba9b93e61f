"""Many people at one studio: ``python benchmarks/app_load.py --people 16 --minutes 5``.

Each person has films of his own (shipped virtual patients, each cut differently) and asks for ages,
bones and densities in turn, through gradio_client as a hospital's script would. Every answer is held
against the one that the same film got when nobody else was there. Prints seconds from asking to
answer, errors, answers that were another's, and the server's memory.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import numpy as np
import psutil
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
# What is asked: the endpoint, the sample, and what is asked of it.
ASKED = {
    "/age": ("age/1-phalanx-6.png", {"age": 12, "now": 6, "sex": "F"}),
    "/segment": ("lightbox/3-wrist-broken.png", {"kind": "mask"}),
    "/density": ("density/1-woman-78.png", {"age": 78, "sex": "F"}),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=16)
    options.add_argument("--minutes", type=float, default=5)
    chosen = options.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    studio = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT)
    try:
        wait_for(address)
        with tempfile.TemporaryDirectory() as folder:
            crowd(address, Path(folder), studio.pid, chosen.people, 60 * chosen.minutes)
    finally:
        studio.terminate()
        studio.wait(timeout=60)


def wait_for(address: str) -> None:
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def crowd(address: str, folder: Path, pid: int, people: int, seconds: float) -> None:
    alone = Client(address, verbose=False, analytics_enabled=False)
    films = {
        (who, endpoint): own_film(sample, who, folder / f"{who}{endpoint[1:]}.png")
        for who in range(people)
        for endpoint, (sample, _) in ASKED.items()
    }
    expected = {key: answer(alone, key[1], film) for key, film in films.items()}
    different = len({str(one) for one in expected.values()})
    print(f"{len(films)} films, {different} different answers")

    taken: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    wrong = [0]
    until = time.monotonic() + seconds
    memory = [memory_of(pid)]

    def person(who: int) -> None:
        client = Client(address, verbose=False, analytics_enabled=False)
        turn = who
        while time.monotonic() < until:
            endpoint = list(ASKED)[turn % len(ASKED)]
            turn += 1
            asked = time.perf_counter()
            try:
                got = answer(client, endpoint, films[who, endpoint])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and shown
                errors.append(f"{endpoint}: {error}")
                continue
            taken[endpoint].append(time.perf_counter() - asked)
            wrong[0] += got != expected[who, endpoint]

    crowded = [threading.Thread(target=person, args=(who,)) for who in range(people)]
    for one in crowded:
        one.start()
    while any(one.is_alive() for one in crowded):
        time.sleep(5)
        memory.append(memory_of(pid))
    report(taken, errors, wrong[0], memory)


def own_film(sample: str, who: int, path: Path) -> Path:
    """Cut a sample a little differently for each person, so that no two answers are alike."""
    pixels = np.asarray(Image.open(ROOT / "assets" / sample))
    Image.fromarray(np.ascontiguousarray(pixels[who + 1 :, who // 2 :])).save(path)
    return path


def answer(client: Client, endpoint: str, film: Path) -> tuple[bytes, str]:
    """Return the answer without what tells when and where it was made."""
    said = ASKED[endpoint][1]
    file, found = client.predict(handle_file(film), api_name=endpoint, **said)
    told = {name: found[name] for name in found if name not in {"manifest", "seconds"}}
    if endpoint == "/density":
        return b"", str(told)
    return np.asarray(Image.open(file)).tobytes(), str(told)


def memory_of(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


def report(
    taken: dict[str, list[float]], errors: list[str], wrong: int, memory: list[float]
) -> None:
    print(f"{'seconds to the answer':<24}{'answers':>8}{'p50':>8}{'p95':>8}")
    for endpoint, times in sorted(taken.items()):
        p50, p95 = np.percentile(times, (50, 95))
        print(f"{endpoint:<24}{len(times):>8}{p50:>8.2f}{p95:>8.2f}")
    print(f"errors {len(errors)}, answers of another {wrong}")
    for one in sorted(set(errors))[:5]:
        print("  ", one)
    fifth = max(1, len(memory) // 5)
    print(
        f"memory {memory[0]:.0f} MB before, {statistics.mean(memory[fifth : 2 * fifth]):.0f} MB in the "
        f"second fifth, {statistics.mean(memory[-fifth:]):.0f} MB in the last, {max(memory):.0f} at most"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

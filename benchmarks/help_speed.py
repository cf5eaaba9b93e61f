"""How long ``bonestudio --help`` takes as a whole process: median of several runs."""

import argparse
import statistics
import subprocess
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "bonestudio.cli", "--help"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.perf_counter() - start)
    counted = times[1:]  # the first warms the disk
    print(
        f"min {min(counted):.3f} s  median {statistics.median(counted):.3f} s  max {max(counted):.3f} s"
    )


if __name__ == "__main__":
    main()

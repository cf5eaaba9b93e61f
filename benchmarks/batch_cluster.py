"""Many items on a local Ray cluster of two nodes, one of them killed half-way, against one process.

Prints how many results came, how many keys came twice, and the throughput of both ways.
"""

import argparse
import logging
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def burn(seconds: float) -> float:
    """Keep a core busy for about so long, as one image would."""
    end = time.process_time() + seconds
    total = 0.0
    while time.process_time() < end:
        total += math.sqrt(total + 1)
    return round(total, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.02, help="work of one item")
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    )
    import batch_cluster
    from ray.cluster_utils import Cluster

    from bonestudio import batch

    logging.getLogger("ray").setLevel(logging.ERROR)
    items = {f"item-{i}": options.seconds for i in range(options.n)}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    keys: Counter[str] = Counter()
    errors = 0
    start = time.perf_counter()
    for number, outcome in enumerate(batch.run(batch_cluster.burn, items, on=cluster.address)):
        keys[outcome.key] += 1
        errors += outcome.error is not None
        if number == options.n // 2:
            cluster.remove_node(second, allow_graceful=False)
    cluster_time = time.perf_counter() - start
    part = dict(list(items.items())[: max(1, options.n // 10)])
    start = time.perf_counter()
    alone = sum(1 for _ in batch.run(batch_cluster.burn, part, workers=1))
    alone_time = (time.perf_counter() - start) * options.n / alone
    doubled = sum(1 for count in keys.values() if count > 1)
    print(f"results {len(keys)}  doubled {doubled}  errors {errors}")
    print(f"cluster (one of two nodes killed half-way) {options.n / cluster_time:.1f} items/s")
    print(
        f"one process {options.n / alone_time:.1f} items/s  ratio {alone_time / cluster_time:.2f}"
    )
    sys.exit(0 if len(keys) == options.n and not doubled and not errors else 1)


if __name__ == "__main__":
    main()

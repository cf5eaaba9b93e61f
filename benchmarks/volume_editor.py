"""Speed and memory of the volume editor at the paper's size: 32 × 288 × 224 voxels, c = 16.

Networks are random: time and memory do not ask what the weights are. Prints wall and processor time
(on a machine with other work to do, processor time over threads is what a quiet one would need).
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np


def write_generators(folder: Path, *, width: int) -> None:
    """Write both generators with random weights, at the paper's size."""
    import torch

    from bonestudio.checkpoints import Card, Part, save
    from bonestudio.networks import progan3d, stylegan3d

    for kind, network in (("progan3d", progan3d.Generator), ("stylegan3d", stylegan3d.Generator)):
        torch.manual_seed(0)
        config = {"width": width}
        card = Card(
            system="volume", name=f"{kind}-random", summary="random", family="own",
            parts={
                "generator": Part(architecture=f"{kind}:Generator", config=config),
                "critic": Part(architecture="progan3d:Critic", config=config),
            },
            settings={"window": [-400, 1400], "shape": [32, 288, 224], "spacing_mm": 0.1214},
            trained_on="nothing", recipe="none", recipe_hash="0", steps=0, seed=0, hardware="none",
            date="2026-01-01", licence="free", intended_use="benchmarks", limits="random",
        )  # fmt: skip
        save(card, {"generator": network(**config), "critic": progan3d.Critic(**config)}, folder)


def clock(action, *, repeats: int) -> dict[str, float]:
    """Best wall and mean processor time of an action, seconds; run once before to warm up."""
    action()
    wall, before = [], time.process_time()
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        wall.append(time.perf_counter() - started)
    return {"wall": min(wall), "processor": (time.process_time() - before) / repeats}


def measure_one(name: str, *, repeats: int, edits: int) -> dict[str, object]:
    from bonestudio.instruments.volume.codes import moved
    from bonestudio.instruments.volume.editor import VolumeEditor

    editor = VolumeEditor(f"volume/{name}")
    model, code = editor.model, editor.sample(seed=1)
    rows = {"full": clock(lambda: model.draw(code), repeats=repeats)}
    stage = editor.preview_stage
    rows["preview"] = clock(lambda: model.draw(code, stage=stage), repeats=repeats)
    rows["directions"] = clock(editor.directions, repeats=1)
    step = np.ones(model.codes, np.float32) / model.codes**0.5
    resident = []
    for k in range(edits):
        editor.draw(moved(code, step, 0.01 * k), stage=None if k % 4 == 0 else stage)
        resident.append(_resident())
    early, late = (float(np.mean(resident[s])) for s in (slice(20, 40), slice(-20, None)))
    return {**rows, "memory_early_mb": early, "memory_late_mb": late, "edits": edits}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("artefacts/volume_editor.json"))
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BONESTUDIO_CHECKPOINTS"] = folder
        import torch

        torch.set_num_threads(asked.threads)
        write_generators(Path(folder), width=asked.width)
        told = {"threads": asked.threads, "load": os.getloadavg()[0]}
        for name in ("progan3d-random", "stylegan3d-random"):
            told[name] = found = measure_one(name, repeats=asked.repeats, edits=asked.edits)
            for what in ("full", "preview", "directions"):
                wall, processor = found[what]["wall"], found[what]["processor"]
                print(
                    f"{name:18} {what:10} {1000 * wall:7.0f} ms wall {1000 * processor:7.0f} ms processor"
                )
            print(
                f"{name:18} memory     {found['memory_early_mb']:7.0f} MB after 30 edits, "
                f"{found['memory_late_mb']:.0f} MB after {asked.edits}"
            )
    print(f"load {told['load']:.1f} on {os.cpu_count()} cores, {asked.threads} threads")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()

"""The networks' stacks of HR-pQCT scans: four overlapping ones of 32 slices from each (paper 003)."""

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts.cohort import Cohort, Part
from bonestudio.cohorts.hrpqct_preparation import HALF, STACK, STARTS, halve, pad_with_noise, place
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.places import cache

if TYPE_CHECKING:
    from bonestudio.cohorts.hrpqct import HrPqct


class HrPqctStacks(Cohort):
    """Stacks [32, 288, 224] at 121.4 µm, in the scan's own unit.

    Preparing a scan takes seconds, so the halved volume is kept in the user's cache folder, in half
    precision (17 MB a scan; a step of 1 mg HA/cm³ at cortical densities, a fiftieth of the noise).
    Where nothing can be written it is prepared anew each time. ``labels['first_slice']`` is the
    stack's first slice in the halved volume; ``masks['scan']`` tells scan from padding.
    """

    source = "hrpqct"

    def __init__(self, scans: "HrPqct") -> None:
        self.scans = scans
        self.entries = tuple(
            Entry(
                name=f"{scan.name}-{start}",
                patient=scan.patient,
                age=scan.age,
                sex=scan.sex,
                labels={**scan.labels, "first_slice": float(start)},
            )
            for scan in scans.entries
            for start in STARTS
        )

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """Stacks lie in the part of their scan."""
        n = len(STARTS)
        return {
            part: [n * scan + k for scan in numbers for k in range(n)]
            for part, numbers in self.scans.parts(seed=seed).items()
        }

    def load(self, i: int) -> Sample:
        """Read one stack."""
        scan, start = i // len(STARTS), STARTS[i % len(STARTS)]
        volume, inside, spacing = self._prepared(scan)
        entry, layers = self.entries[i], slice(start, start + STACK)
        return Sample(
            image=volume[layers].astype(np.float32),
            source=self.source,
            name=entry.name,
            patient=entry.patient,
            age=entry.age,
            sex=entry.sex,
            labels=entry.labels,
            masks={"scan": inside[layers]},
            spacing=spacing,
        )

    def _prepared(
        self, scan: int
    ) -> tuple[NDArray[np.floating], NDArray[np.bool_], tuple[float, ...] | None]:
        """Halved volume [84, 288, 224], where it shows the scan, and its spacing in mm."""
        path = cache() / "hrpqct" / f"{_key(self.scans.files[scan])}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                volume, shape, spacing = kept["volume"], kept["shape"], kept["spacing"]
        except (OSError, ValueError, KeyError):
            whole = self.scans[scan]
            volume = halve(pad_with_noise(whole.image)[0]).astype(np.float16)
            shape = np.array(whole.image.shape)
            spacing = np.array(whole.spacing or (), np.float64) * 2
            _keep(path, volume, shape, spacing)
        rows = place((int(shape[0]), int(shape[1]), int(shape[2]))).halved.target
        inside = np.zeros(HALF, bool)
        inside[tuple(slice(*ends) for ends in rows)] = True
        return volume, inside, tuple(float(s) for s in spacing) or None


def _key(path: Path) -> str:
    about = path.stat()
    words = f"{path.resolve()}\n{about.st_size}\n{about.st_mtime_ns}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _keep(
    path: Path, volume: NDArray[np.float16], shape: NDArray[np.int_], spacing: NDArray[np.float64]
) -> None:
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            scratch = Path(file.name)
            np.savez(file, volume=volume, shape=shape, spacing=spacing)
        scratch.replace(path)
    except OSError:  # a cache that cannot be written only costs time
        if scratch is not None:
            scratch.unlink(missing_ok=True)

"""Virtual patients' radius scans as a cohort to learn from: every grade of motion, ages of adults."""

from typing import Any

from bonestudio.cohorts.cohort import Cohort
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.phantoms.patient import VirtualPatient

GOLDEN = 0.6180339887498949
FINE_MM = 0.1214  # the networks' voxel: two of the scanner's
FINE = (32, 288, 224)  # the networks' stack (paper 003)


class RadiusStacks(Cohort):
    """Stacks [slices, rows, columns] in mg HA/cm³ of ``count`` patients, each scanned once.

    The stack covers 3.9 × 35 × 27 mm whatever its ``shape``: (32, 288, 224) are the voxels of paper
    003, 0.12 mm; (16, 144, 112) are 0.24 mm and render in a fifth of a second. Sexes change every
    patient, grades of motion (1 to 5, alike often) every two, and ages are spread evenly.
    """

    source = "phantoms"
    kind = "radius"

    def __init__(
        self,
        count: int,
        *,
        seed: int = 0,
        ages: tuple[float, float] = (20.0, 85.0),
        shape: tuple[int, int, int] = (16, 144, 112),
        grades: tuple[int, ...] = (1, 2, 3, 4, 5),
    ) -> None:
        spacing = FINE_MM * FINE[1] / shape[1]
        self.options: dict[str, Any] = {"shape": tuple(shape), "spacing": spacing}
        self.grades = tuple(grades)
        self.entries = tuple(
            Entry(
                name=f"radius-{number}-{self._grade(number)}",
                patient=f"{number:07d}",
                age=round(ages[0] + (ages[1] - ages[0]) * ((number * GOLDEN) % 1), 2),
                sex="M" if number % 2 else "F",
                labels={"grade": float(self._grade(number))},
            )
            for number in range(seed, seed + count)
        )

    def load(self, i: int) -> Sample:
        """Scan patient ``i``."""
        entry = self.entries[i]
        patient = VirtualPatient(int(entry.patient), entry.sex or "F")
        scan = patient.radius_scan(int(entry.labels["grade"]), age=entry.age, **self.options)
        return self.sample(i, scan.image, labels={**entry.labels, **scan.truth.measures})

    def _grade(self, number: int) -> int:
        return self.grades[number // 2 % len(self.grades)]

"""HR-pQCT scan of the distal radius, with its micro-architecture known.

Typical values and their spread follow second-generation scanners (Whittier et al. 2020, J Bone Miner Res
35:2144: normative data of 1 236 adults at 60.7 µm).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Volume
from bonestudio.phantoms.radius_bone import RadiusDesign, mineralise
from bonestudio.phantoms.radius_outline import SCAN_MM, Outline, contours, shell
from bonestudio.phantoms.scanner import NATIVE_MM, draw_motion, grain, rings, seen
from bonestudio.phantoms.trabeculae import separation
from bonestudio.phantoms.truth import Phantom, Truth

if TYPE_CHECKING:
    from bonestudio.phantoms.patient import VirtualPatient


def design(patient: "VirtualPatient", age: float) -> RadiusDesign:
    """Draw what this patient's radius is like at ``age`` (adults, years)."""
    traits, draw = (
        patient.traits,
        patient.random("radius_scan/design").standard_normal(5).clip(-2.3, 2.3),
    )
    male = patient.sex == "M"
    older = max(0.0, age - 50) / 30  # losses after 50, larger in women
    loss = older * (0.12 if male else 0.2)
    fraction = (
        (0.255 if male else 0.225) * (1 + 0.10 * traits.density + 0.12 * draw[0]) * (1 - loss)
    )
    thickness = (
        (0.215 if male else 0.205)
        * (1 + 0.03 * traits.density + 0.045 * draw[1])
        * (1 - 0.2 * loss)
    )
    # Old age turns plates into rods; half a voxel of the manufacturer's thicknesses is the grid's.
    plates = float(np.clip(0.45 + 0.15 * draw[2] - 0.15 * older, 0.12, 1.0))
    fraction, thickness = float(np.clip(fraction, 0.10, 0.36)), float(thickness)
    return RadiusDesign(
        bv_tv=fraction,
        tb_th=thickness,
        tb_sp=separation(fraction, thickness, plates),
        ct_th=float(
            np.clip((1.16 if male else 1.0) * (1 + 0.13 * traits.cortex) * (1 - loss), 0.55, 1.7)
        ),
        ct_po=float(
            np.clip((0.012 if male else 0.009) * np.exp(0.45 * draw[3] + 0.8 * older), 0.002, 0.06)
        ),
        tissue=float(790 + 18 * draw[4]),
        cortical_tissue=float(985 + 16 * traits.density),
    )


def radius_scan(
    patient: "VirtualPatient",
    grade: int = 1,
    *,
    shape: tuple[int, int, int] | None = None,
    spacing: float | None = None,
    start: float = 0.0,
    age: float | None = None,
    noise: bool = True,
    **wanted: Any,
) -> Phantom[Volume]:
    """Scan the distal radius: [slices, rows, columns] in mg HA/cm³, rows from radial to ulnar.

    Without ``shape`` the scan has 168 slices of 60.7 µm cropped around the bone, as the paper's. With
    a shape ((84, 288, 224), or (32, 288, 224) for one stack) the grid is 121.4 µm unless ``spacing``
    (mm) says otherwise. ``start``: mm from the distal end to the first slice. ``grade``: visual grade of
    motion, 1 (none) to 5. ``wanted``: values of `RadiusDesign` to ask for (``bv_tv=0.2``).

    Truth: masks 'cortical', 'trabecular', 'radius'; measures by `RadiusDesign` (Tb.BMD and Ct.BMD are
    means over the masks of the scan without noise and motion).
    """
    if grade not in {1, 2, 3, 4, 5}:
        raise RequestError(
            f"The visual grade of motion is a whole number from 1 to 5, not {grade!r}."
        )
    random = patient.random("radius_scan/body")
    drawn_age = float(random.uniform(20, 85))
    years = drawn_age if age is None else float(age)
    if not 18 <= years <= 100:
        raise RequestError(f"Radius scans are of adults, 18 to 100 years, not {years:g}.")
    try:
        bone = replace(design(patient, years), **wanted)
    except TypeError as error:
        known = ", ".join(RadiusDesign.__dataclass_fields__)
        raise RequestError(f"A radius scan takes {known}, not {', '.join(wanted)}.") from error
    outline = _outline(patient)
    step = spacing or (NATIVE_MM if shape is None else 2 * NATIVE_MM)
    grid = shape or _crop(outline, step, random)
    if len(grid) != 3 or min(grid) < 8:
        raise RequestError(f"A scan has slices, rows and columns, each 8 or more, not {grid}.")
    shift = tuple(float(v) for v in random.uniform(-0.5, 0.5, 2))
    place = shell(outline, grid, step, start=start, shift=(shift[0], shift[1]), mean=bone.ct_th)
    cortical, trabecular = (
        (place.depth > 0) & (place.depth <= place.cortex),
        place.depth > place.cortex,
    )
    density = mineralise(place, bone, step, patient.random("radius_scan/trabeculae"))
    perfect = seen(density, step)
    voxels = perfect
    if grade > 1:
        voxels = seen(
            density, step, motion=draw_motion(grade, patient.random(f"radius_scan/motion/{grade}"))
        )
    if noise:
        drawn = patient.random("radius_scan/noise")
        voxels = (
            voxels
            + grain(grid, step, drawn)
            + rings(grid, step, drawn, strength=float(drawn.uniform(20, 90)))
        )
    measures = {
        "bv_tv": bone.bv_tv,
        "tb_th_mm": bone.tb_th,
        "tb_sp_mm": bone.tb_sp,
        "ct_th_mm": bone.ct_th,
        "ct_po": bone.ct_po,
        "tb_bmd_mg_cm3": float(perfect[trabecular].mean()) if trabecular.any() else float("nan"),
        "ct_bmd_mg_cm3": float(perfect[cortical].mean()) if cortical.any() else float("nan"),
    }
    masks = {"cortical": cortical.numpy(), "trabecular": trabecular.numpy()}
    masks["radius"] = masks["cortical"] | masks["trabecular"]
    return Phantom(
        image=Volume(
            voxels=voxels.numpy(),
            spacing=(step,) * 3,
            unit="mg HA/cm³",
            laterality="L",
            age=years,
            sex=patient.sex,
        ),
        truth=Truth(
            kind="radius_scan",
            seed=patient.seed,
            sex=patient.sex,
            age=years,
            masks=masks,
            measures=measures,
            labels={"grade": str(grade)},
        ),
    )


def _outline(patient: "VirtualPatient") -> Outline:
    traits, random = patient.traits, patient.random("radius_scan/outline")
    long = 1 + 0.05 * traits.size
    male = patient.sex == "M"
    return Outline(
        width=(32.5 if male else 28.6) * long * (1 + 0.04 * traits.breadth),
        depth=(22.6 if male else 20.0)
        * long
        * (1 + 0.04 * traits.breadth + 0.02 * random.normal()),
        taper=0.15 + 0.02 * float(random.normal()),
        warp=traits.shape[:12],
        tilt=float(random.normal(0, 0.12)),
        flare=float(random.uniform(0.8, 1.1)),
    )


def _crop(outline: Outline, spacing: float, random: np.random.Generator) -> tuple[int, int, int]:
    """Slices, rows and columns of a box around the bone with the paper's limits on its size."""
    extent = np.ptp(contours(outline, np.array([0.0, SCAN_MM])), axis=1).max(axis=0)
    rows, columns = (extent + random.uniform(2.4, 4.5, 2)) / spacing
    return (
        round(SCAN_MM / spacing),
        int(np.clip(rows, 397 * NATIVE_MM / spacing, 663 * NATIVE_MM / spacing)),
        int(np.clip(columns, 278 * NATIVE_MM / spacing, 529 * NATIVE_MM / spacing)),
    )

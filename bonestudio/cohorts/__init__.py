"""Data sets of bone images: one shape of sample, splits as in the papers, phalanges from hands."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.cohorts.bmd_pairs import XrayBmdPairs
    from bonestudio.cohorts.cohort import Cohort, Subset
    from bonestudio.cohorts.hand import HandJoints
    from bonestudio.cohorts.hand_finder import find_joints
    from bonestudio.cohorts.hrpqct import HrPqct
    from bonestudio.cohorts.image_folder import ImageFolder
    from bonestudio.cohorts.mura import Mura
    from bonestudio.cohorts.phalange import PhalangeBox, crop_box, crop_phalange, phalange_box
    from bonestudio.cohorts.phantoms import Phantoms
    from bonestudio.cohorts.rsna import RsnaBoneAge
    from bonestudio.cohorts.sample import Entry, Sample, stack

_HOMES = {
    "Cohort": "cohort",
    "Entry": "sample",
    "HandJoints": "hand",
    "HrPqct": "hrpqct",
    "ImageFolder": "image_folder",
    "Mura": "mura",
    "PhalangeBox": "phalange",
    "Phantoms": "phantoms",
    "RsnaBoneAge": "rsna",
    "Sample": "sample",
    "Subset": "cohort",
    "XrayBmdPairs": "bmd_pairs",
    "crop_box": "phalange",
    "crop_phalange": "phalange",
    "find_joints": "hand_finder",
    "phalange_box": "phalange",
    "stack": "sample",
}

__all__ = [
    "Cohort",
    "Entry",
    "HandJoints",
    "HrPqct",
    "ImageFolder",
    "Mura",
    "PhalangeBox",
    "Phantoms",
    "RsnaBoneAge",
    "Sample",
    "Subset",
    "XrayBmdPairs",
    "crop_box",
    "crop_phalange",
    "find_joints",
    "phalange_box",
    "stack",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its file on first use (PEP 562): torch waits until then."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

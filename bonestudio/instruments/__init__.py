"""What a tab, the command line or a notebook calls: images in, typed results out.

A folder for each system: ``age``, ``fracture``, ``segmentation``, ``volume``, ``density``; its own
docstring says in which order it is read. All stand on ``lightbox``, which opens films and scans.
``domain`` (may a model be asked about a film?), ``moving`` (MP4) and ``phantom_films`` (virtual
patients) are shared. No system knows another: import-linter holds them to it.

The classes below are loaded when they are first used, so importing this room loads no torch::

    from bonestudio.instruments import BoneSegmenter
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.instruments.age.progression import AgeProgression
    from bonestudio.instruments.density.estimator import DensityEstimator
    from bonestudio.instruments.fracture.abnormality import AbnormalityClassifier
    from bonestudio.instruments.fracture.design import Design
    from bonestudio.instruments.fracture.studio import FractureStudio
    from bonestudio.instruments.lightbox.films import LightBox
    from bonestudio.instruments.lightbox.scans import ScanViewer
    from bonestudio.instruments.phantom_films import PhantomFilms
    from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
    from bonestudio.instruments.volume.editor import VolumeEditor

_HOMES = {
    "AbnormalityClassifier": "fracture.abnormality",
    "AgeProgression": "age.progression",
    "BoneSegmenter": "segmentation.segmenter",
    "DensityEstimator": "density.estimator",
    "Design": "fracture.design",
    "FractureStudio": "fracture.studio",
    "LightBox": "lightbox.films",
    "PhantomFilms": "phantom_films",
    "ScanViewer": "lightbox.scans",
    "VolumeEditor": "volume.editor",
}

__all__ = [
    "AbnormalityClassifier",
    "AgeProgression",
    "BoneSegmenter",
    "DensityEstimator",
    "Design",
    "FractureStudio",
    "LightBox",
    "PhantomFilms",
    "ScanViewer",
    "VolumeEditor",
]


def __getattr__(name: str) -> Any:
    """Fetch a class from its file on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Bone Studio: generate, age, break, segment and measure images of bones.

Importing this package loads no heavy library; import the room that you need::

    from bonestudio.imaging import read_radiograph
    from bonestudio.phantoms import VirtualPatient
"""

from bonestudio.errors import BoneStudioError

__all__ = ["BoneStudioError", "__version__"]
__version__ = "0.1.0"

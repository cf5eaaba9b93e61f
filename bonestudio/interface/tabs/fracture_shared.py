"""What the four pages of the Fracture tab share."""

from typing import Final

from bonestudio.instruments.fracture.studio import FractureStudio

STUDIO: Final = FractureStudio()
SIMULATED: Final = "SIMULATED"

"""A square view of the wrist, cut out upright around the end of the radius, and the way back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.measures.wrist_frame import RadiusEnd

POINTS = ("radial_styloid", "sigmoid_notch", "ulnar_head", "dorsal_lip", "volar_lip")
SEEN = {"PA": POINTS[:3], "LL": POINTS[3:]}
# Sides of the view in breadths of the radius, which is half as broad seen from the side.
_SIDES = {"PA": 3.0, "LL": 3.8}


@dataclass(frozen=True)
class WristView:
    """Where a view lies on its film: the hand up, the thumb to the right in the PA view.

    View coordinates are (x to the right, y down), -1 to 1 from edge to edge.
    """

    end: RadiusEnd
    margin: float = 1.0

    @property
    def half(self) -> float:
        """Half of the view's side, pixels of the film."""
        return 0.5 * self.margin * _SIDES[self.end.view] * self.end.breadth

    @property
    def centre(self) -> NDArray[np.float64]:
        """(row, column) on the film, a little below the tip."""
        centre: NDArray[np.float64] = self.end.tip - 0.15 * self.end.breadth * self.end.along
        return centre

    def cut(self, film: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """Resample the film [height, width] in [0, 1] to the view [size, size]; black outside."""
        from scipy.ndimage import gaussian_filter, map_coordinates

        step = 2 * self.half / size  # film pixels per view pixel
        if step > 1.5:  # without this, fine structure would turn into moiré
            film = gaussian_filter(film, 0.4 * step)
        at = (np.arange(size) + 0.5) / size * 2 - 1
        x, y = np.meshgrid(at, at)
        places = self.to_film(np.stack([x, y], -1).reshape(-1, 2))
        values = map_coordinates(film, places.T, order=1, mode="constant")
        view: NDArray[np.float32] = np.asarray(values, np.float32).reshape(size, size)
        return view

    def to_film(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Film positions [n, 2] (row, column) of view coordinates [n, 2]."""
        across, down = points[:, :1] * self.end.side, -points[:, 1:] * self.end.along
        placed: NDArray[np.float64] = self.centre + self.half * (across + down)
        return placed

    def to_view(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """View coordinates [n, 2] of film positions [n, 2] (row, column)."""
        away = (places - self.centre) / self.half
        return np.stack([away @ self.end.side, -away @ self.end.along], -1)

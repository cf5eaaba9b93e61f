"""Ways to go from a code: SeFa's, which the weights alone tell, and those of measured attributes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.instruments.volume.measures import UNITS

if TYPE_CHECKING:
    from bonestudio.checkpoints import Card
    from bonestudio.instruments.volume.model import VolumeModel
    from bonestudio.networks.volume_atlas import VolumeAtlas

SEFA: Final = 8  # directions offered; the paper shows the first four


@dataclass(frozen=True, kw_only=True, eq=False)
class Direction:
    """A way through the codes.

    Attributes
    ----------
    name
        'sefa-1' … or an attribute, 'Tb.BMD'.
    kind
        'sefa', or 'attribute' where it was fitted to measurements.
    step
        [codes]; one α goes one standard deviation of random codes along it.
    slope
        Predicted change of each attribute per α, in its unit; empty where nothing was fitted.
    most
        The attribute that it moves most, beside how much that differs from bone to bone.
    """

    name: str
    kind: Literal["sefa", "attribute"]
    step: NDArray[np.float32]
    slope: dict[str, float]

    most: str = ""

    @property
    def title(self) -> str:
        """Say what the direction does: its attribute, or what it moves most."""
        if self.kind == "attribute":
            return self.name
        number = f"SeFa {self.name.split('-')[1]}"
        if not self.most:
            return number
        slope = self.slope[self.most]
        return f"{number}: {self.most} {slope:+.3g} {UNITS[self.most]} per α"


def sefa(model: "VolumeModel", count: int = SEFA) -> list[NDArray[np.float32]]:
    """Find unit eigenvectors of AᵀA, the largest first (equation 11; Shen and Zhou 2021).

    A is the first dense layer of 3D-ProGAN, or the stacked affine layers of 3D-StyleGAN's styles.
    """
    _, vectors = torch.linalg.eigh(listened(model))
    found = []
    for vector in vectors.T.flip(0)[:count]:
        # An eigenvector has no sign; its largest number is made positive.
        sign = torch.sign(vector[vector.abs().argmax()])
        found.append((sign * vector).numpy().astype(np.float32))
    return found


def listened(model: "VolumeModel") -> torch.Tensor:
    """AᵀA [codes, codes] of equation 11: how much the generator makes of each direction of a code."""
    layers = model.G.styles() if model.styled else [model.G.dense]
    A = torch.cat([layer.weight.detach().float() * layer.scale for layer in layers])
    return A.T @ A


class Directions:
    """All directions of one generator."""

    def __init__(self, model: "VolumeModel", atlas: "tuple[Card, VolumeAtlas] | None") -> None:
        self.model, self.atlas = model, atlas
        self.names: tuple[str, ...] = (
            () if atlas is None else tuple(atlas[0].settings["attributes"])
        )
        self._sefa = [self._scaled(vector) for vector in sefa(model)]

    def every(self) -> list[Direction]:
        """Attributes first, then SeFa's."""
        return [self.attribute(name) for name in self.names] + [
            self._unnamed(f"sefa-{k}", step) for k, step in enumerate(self._sefa, start=1)
        ]

    def named(self, name: str, *, keep: tuple[str, ...] = ()) -> Direction:
        """Find a direction; ``keep`` names attributes that one of an attribute is to leave alone."""
        if name in self.names:
            return self.attribute(name, keep=keep)
        for one in self.every():
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.every())
        hint = " Attributes have directions once 'bonestudio volume learn' has fitted them."
        extra = hint if name in UNITS and not self.names else ""
        raise RequestError(f"There is no direction '{name}'; there are {known}.{extra}")

    def attribute(self, name: str, *, keep: tuple[str, ...] = ()) -> Direction:
        """Return the steepest way for an attribute along which those of ``keep`` are level."""
        rows = self._rows(keep)
        way = self._rows((name,))[0].astype(np.float64)
        if keep:
            basis, _ = np.linalg.qr(rows.T.astype(np.float64))
            way = way - basis @ (basis.T @ way)
        length = float(np.linalg.norm(way))
        if length < 1e-3 * float(np.linalg.norm(self._rows((name,))[0])):
            raise RequestError(f"{name} cannot change while {', '.join(keep)} stay as they are.")
        step = self._scaled((way / length).astype(np.float32))
        return Direction(name=name, kind="attribute", step=step, slope=self.slopes(step))

    def slopes(self, step: NDArray[np.float32]) -> dict[str, float]:
        """Predict the change of each attribute along a step."""
        if self.atlas is None:
            return {}
        change = self.atlas[1].slopes.float().numpy() @ step
        return {name: float(value) for name, value in zip(self.names, change, strict=True)}

    def spreads(self) -> dict[str, float]:
        """Tell the standard deviation of each fitted attribute over random volumes."""
        if self.atlas is None:
            return {}
        return dict(zip(self.names, self.atlas[1].scales.tolist(), strict=True))

    def _unnamed(self, name: str, step: NDArray[np.float32]) -> Direction:
        slope, most = self.slopes(step), ""
        if self.atlas is not None:
            scales = self.spreads()
            most = max(slope, key=lambda one: abs(slope[one]) / max(scales[one], 1e-9))
        return Direction(name=name, kind="sefa", step=step, slope=slope, most=most)

    def _rows(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        if self.atlas is None:
            raise RequestError(
                f"Nothing was fitted for {self.model.card.id}; 'bonestudio volume learn' does it."
            )
        for name in names:
            if name not in self.names:
                raise RequestError(
                    f"There is no attribute '{name}'; there are {', '.join(self.names)}."
                )
        slopes = self.atlas[1].slopes.float().numpy()
        rows: NDArray[np.float32] = slopes[[self.names.index(name) for name in names]]
        return rows

    def _scaled(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        return unit * np.float32(self.model.deviation(unit))

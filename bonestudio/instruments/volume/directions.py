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
WEAK: Final = 0.1  # R²: a fit that explains less says little of its attribute


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
        The attribute that it moves most, beside how much that differs from bone to bone; weak fits
        are not asked.
    explains
        R² of the attribute's fit on volumes left out of it; None for SeFa's, or where it is not known.
    """

    name: str
    kind: Literal["sefa", "attribute"]
    step: NDArray[np.float32]
    slope: dict[str, float]

    most: str = ""
    explains: float | None = None

    @property
    def weak(self) -> bool:
        """Whether its fit explains hardly anything of its attribute."""
        return self.explains is not None and self.explains < WEAK

    @property
    def short(self) -> str:
        """Name it in a step of the history."""
        return self.name if self.kind == "attribute" else f"SeFa {self.name.split('-')[1]}"

    @property
    def title(self) -> str:
        """Say what the direction does: how well its attribute was fitted, or what it moves most."""
        if self.explains is not None:
            share = f"explains {max(0.0, 100 * self.explains):.0f} %"
            return f"{self.name}, weak, {share}" if self.weak else f"{self.name}, {share}"
        if not self.most:
            return self.short
        slope = self.slope[self.most]
        return f"{self.short}: {self.most} {slope:+.3g} {UNITS[self.most]} per α"

    def told(self) -> dict[str, object]:
        """Return plain data for an answer: the name, and how well its attribute was fitted."""
        if self.explains is None:
            return {"direction": self.name}
        return {"direction": self.name, "explains": round(self.explains, 3), "weak": self.weak}


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


def explained(card: "Card") -> dict[str, float]:
    """R² of each attribute's fit on volumes left out of it, as an atlas' card has it."""
    told = {metric.name: metric.value for metric in card.metrics}
    return {name: told[f"R² of {name}"] for name in UNITS if f"R² of {name}" in told}


class Directions:
    """All directions of one generator."""

    def __init__(self, model: "VolumeModel", atlas: "tuple[Card, VolumeAtlas] | None") -> None:
        self.model, self.atlas = model, atlas
        self.names: tuple[str, ...] = (
            () if atlas is None else tuple(atlas[0].settings["attributes"])
        )
        self._explains = {} if atlas is None else explained(atlas[0])
        self._sefa = [self._scaled(vector) for vector in sefa(model)]

    def every(self) -> list[Direction]:
        """Attributes first, then SeFa's, and attributes with a weak fit last."""
        fitted = [self.attribute(name) for name in self.names]
        own = [self._unnamed(f"sefa-{k}", step) for k, step in enumerate(self._sefa, start=1)]
        strong = [way for way in fitted if not way.weak]
        return [*strong, *own, *(way for way in fitted if way.weak)]

    def named(self, name: str, *, keep: tuple[str, ...] = ()) -> Direction:
        """Find a direction; ``keep`` names attributes that it is to leave alone."""
        if name in self.names:
            return self.attribute(name, keep=keep)
        for one in self.every():
            if one.name == name:
                return self._unnamed(name, self._level(one.step, one.short, keep)) if keep else one
        known = ", ".join(one.name for one in self.every())
        hint = " Attributes have directions once 'bonestudio volume learn' has fitted them."
        extra = hint if name in UNITS and not self.names else ""
        raise RequestError(f"There is no direction '{name}'; there are {known}.{extra}")

    def attribute(self, name: str, *, keep: tuple[str, ...] = ()) -> Direction:
        """Return the steepest way for an attribute along which those of ``keep`` are level."""
        step = self._level(self._rows((name,))[0], name, keep)
        return Direction(
            name=name,
            kind="attribute",
            step=step,
            slope=self.slopes(step),
            explains=self._explains.get(name),
        )

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
            sure = [one for one in slope if self._explains.get(one, WEAK) >= WEAK]
            most = max(sure, key=lambda one: abs(slope[one]) / max(scales[one], 1e-9), default="")
        return Direction(name=name, kind="sefa", step=step, slope=slope, most=most)

    def _level(
        self, way: NDArray[np.float32], name: str, keep: tuple[str, ...]
    ) -> NDArray[np.float32]:
        """Take out of a way what the slopes of ``keep`` see of it; one α stays one deviation."""
        level = way.astype(np.float64)
        if keep:
            rows = self._rows(tuple(dict.fromkeys(keep)))
            basis, _ = np.linalg.qr(rows.T.astype(np.float64))
            level = level - basis @ (basis.T @ level)
        length = float(np.linalg.norm(level))
        if length < 1e-3 * float(np.linalg.norm(way)):
            raise RequestError(f"{name} cannot change while {', '.join(keep)} stay as they are.")
        return self._scaled((level / length).astype(np.float32))

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

"""Which images a labelled set is to hold: for each one everything that makes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from bonestudio.errors import RequestError
from bonestudio.instruments.fracture.design import SITES, Design
from bonestudio.instruments.fracture.models import hand_model, weights_hash
from bonestudio.instruments.fracture.refiner import Refiner

Source = Literal["forearm", "wrist", "hand"]
SOURCES: Final[tuple[Source, ...]] = (*SITES, "hand")
MOST: Final = 100_000  # images of a class


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A set to be made.

    Attributes
    ----------
    source
        'forearm' and 'wrist' come broken and whole, in two views a patient; a 'hand' is whole.
    count
        Images of each class.
    seed
        Where patients are counted from.
    size
        Rows and columns of arms, pixels; hands are as large as their weights draw them.
    refined
        Arms pass the refiner (CycleGAN) of their class.
    model, truncation
        Weights for hands, and how far their codes may stray.
    """

    source: Source = "forearm"
    count: int = 100
    seed: int = 0
    size: int = 256
    refined: bool = False
    model: str | None = None
    truncation: float | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise RequestError(f"A set shows a {', '.join(SOURCES)}, not {self.source!r}.")
        if not 1 <= self.count <= MOST:
            raise RequestError(f"A set has 1 to {MOST:,} images of a class, not {self.count}.")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**40:
            raise RequestError(f"A seed is a whole number from 0 on, not {self.seed!r}.")
        if self.source != "hand" and not 64 <= self.size <= 1024:
            raise RequestError(f"Films of a set are 64 to 1024 pixels wide, not {self.size}.")
        if self.refined and self.source == "hand":
            raise RequestError("Hands come from a network as they are; only arms are refined.")

    @property
    def total(self) -> int:
        """Images in all."""
        return self.count if self.source == "hand" else 2 * self.count

    def images(self) -> Iterator[dict[str, Any]]:
        """Yield what each line of the manifest asks for, in order."""
        yield from self._hands() if self.source == "hand" else self._arms()

    def _hands(self) -> Iterator[dict[str, Any]]:
        from bonestudio.phantoms.ordering import REGIONS, mura_path

        card = hand_model(self.model)
        for seed in range(self.seed, self.seed + self.count):
            yield {
                "file": mura_path(REGIONS["hand"], seed, abnormal=False, image=1).as_posix(),
                "label": 0,
                "hand": {"seed": seed, "truncation": self.truncation},
                "model": {"id": card.id, "hash": weights_hash(card)},
            }

    def _arms(self) -> Iterator[dict[str, Any]]:
        from bonestudio.phantoms.ordering import REGIONS, mura_path, orders

        left = {False: self.count, True: self.count}
        kind: Any = self.source
        patients = orders(kind, 4 * self.count + 4, seed=self.seed, style="natural", ages=(1, 19))
        for order in patients:
            for number, view in enumerate(("PA", "lateral"), start=1):
                if not left[order.abnormal]:
                    break
                left[order.abnormal] -= 1
                path = mura_path(REGIONS[kind], order.seed, abnormal=order.abnormal, image=number)
                design = _design(order, view, self.size)
                if self.refined:  # refiners start from clean renderings
                    design = design.with_options(style="synthetic")
                yield {
                    "file": path.as_posix(),
                    "label": int(order.abnormal),
                    "ao": design.ao_code,
                    "design": design.as_dict(),
                    "refiner": _refiner(abnormal=order.abnormal) if self.refined else None,
                }
            if not any(left.values()):
                return


def _design(order: Any, view: Any, size: int) -> Design:
    """Turn an order for a virtual patient into a design; breaks vary as phantoms' do."""
    from bonestudio.phantoms.chance import generator
    from bonestudio.phantoms.ordering import random_fracture

    design = Design(
        site=order.kind,
        broken=order.abnormal,
        side=order.side,
        view=view,
        patient=order.seed,
        sex=order.sex,
        age=float(generator(order.seed, "export/age").integers(18, 91)),
        size=size,
    )
    if not order.abnormal:
        return design
    asked = random_fracture(order.kind, order.seed, order.side)
    names = ("bone", "level", "obliquity", "gap", "displacement", "angulation", "comminution", "direction")  # fmt: skip
    # Rounded, so that a manifest can be read; the film is made from what it says.
    drawn = {name: getattr(asked, name) for name in names}
    return design.with_options(
        **{k: round(v, 3) if isinstance(v, float) else v for k, v in drawn.items()}
    )


def _refiner(*, abnormal: bool) -> dict[str, str]:
    card = Refiner(abnormal=abnormal).card
    return {"id": card.id, "hash": weights_hash(card)}

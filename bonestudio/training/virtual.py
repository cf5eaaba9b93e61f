"""Virtual patients as a cohort to learn from: healthy and broken bones, both views, all grades."""

from typing import Any

from bonestudio.cohorts.cohort import Cohort
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.phantoms.ordering import BROKEN, Order, orders


class OrderedPhantoms(Cohort):
    """``count`` patients of a kind, as :func:`bonestudio.phantoms.ordering.orders` draws them.

    Labels: 'abnormal' (0 or 1) for wrists and forearms, 'grade' (1 to 5) for radius scans. Frontal
    and lateral views take turns, within either sex, healthy or broken.
    """

    source = "phantoms"

    def __init__(
        self, kind: Any, count: int, *, seed: int = 0, ages: tuple[float, float] = (1.0, 19.0)
    ) -> None:
        self.kind, self.options = kind, {"ordered": True}
        self.orders = tuple(orders(kind, count, seed=seed, style="natural", ages=ages))
        self.entries = tuple(
            Entry(
                name=f"{kind}-{order.name}-{view_of(order)}",
                patient=order.name,
                age=order.age,
                sex=order.sex,
                labels=_labels(order),
            )
            for order in self.orders
        )

    def load(self, i: int) -> Sample:
        """Render patient ``i``."""
        order = self.orders[i]
        return self.sample(i, order.render(view_of(order)).image)


def view_of(order: Order) -> str:
    """Return the view: sexes change every patient, fractures every two, views every four."""
    return order.views[order.seed // 4 % len(order.views)]


def _labels(order: Order) -> dict[str, float]:
    if order.kind in BROKEN:
        return {"abnormal": float(order.abnormal)}
    return {"grade": float(order.grade)} if order.kind == "radius" else {}

"""Edit until a measured attribute has changed by what was asked for: regula falsi along a direction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bonestudio.errors import RequestError
from bonestudio.instruments.volume.directions import Direction
from bonestudio.instruments.volume.measures import UNITS, Measured

FURTHEST = 6.0  # standard deviations of random codes: further out nothing was learned
_FINEST = 1e-3  # tries that lie closer are one


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try.

    Attributes
    ----------
    amount
        α along the direction.
    change
        Measured change of the attribute, in its unit.
    reached
        Whether it is within the tolerance of what was asked for.
    """

    amount: float
    change: float
    measured: Measured
    reached: bool


def approach(
    direction: Direction,
    change: float,
    *,
    start: Measured,
    measured_at: Callable[[float], Measured],
    tolerance: float,
    tries: int = 8,
) -> Iterator[Attempt]:
    """Try amounts until the attribute has changed by ``change`` ± ``tolerance``; the last is the best.

    The volume as it is counts as a try. The first amount is what the fit predicts; then the line
    between the two nearest tries is followed, never beyond ``FURTHEST``.
    """
    name = direction.name
    if name not in start.values:
        raise RequestError(f"{name} cannot be measured here: {start.why or 'it is not known'}.")
    slope = direction.slope[name]
    tried = [(0.0, 0.0)]
    best = Attempt(amount=0.0, change=0.0, measured=start, reached=abs(change) <= tolerance)
    if best.reached:
        yield best
        return
    amount = change / slope if slope else FURTHEST
    lost = False
    for _ in range(tries):
        amount = max(-FURTHEST, min(FURTHEST, amount))
        # A small change needs a small amount: only that of the start itself tells nothing new.
        if amount == 0 or any(abs(amount - known) < _FINEST for known, _ in tried[1:]):
            break
        found = measured_at(amount)
        if name not in found.values:
            lost = True
            amount /= 2  # so far that no bone is left: come back
            continue
        moved = found.values[name] - start.values[name]
        reached = abs(moved - change) <= tolerance
        attempt = Attempt(amount=amount, change=moved, measured=found, reached=reached)
        if abs(moved - change) < abs(best.change - change):
            best = attempt
        yield attempt
        if reached:
            return
        tried.append((amount, moved))
        amount = _next(tried, change)
    if lost and len(tried) == 1:
        raise RequestError(f"No bone is left when {name} is changed by {change:g} {UNITS[name]}.")
    yield best


def _next(tried: list[tuple[float, float]], change: float) -> float:
    """Where the line through the two nearest tries, on both sides if there are, meets the target."""
    below = [t for t in tried if t[1] <= change]
    above = [t for t in tried if t[1] > change]
    nearest = sorted(tried, key=lambda t: abs(t[1] - change))
    if below and above:
        a = max(below, key=lambda t: t[1])
        b = min(above, key=lambda t: t[1])
    else:
        a, b = nearest[0], nearest[1]
    if abs(b[1] - a[1]) < 1e-9:
        return 2 * nearest[0][0]
    return a[0] + (change - a[1]) * (b[0] - a[0]) / (b[1] - a[1])

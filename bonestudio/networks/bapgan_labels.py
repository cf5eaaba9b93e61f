"""What BAPGAN's generator is told: an age as a smoothed label, and a sex.

Training and instruments make their labels here, so that they mean the same in both.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

CLASSES = 5
SPAN = 20.0
"""Years that the classes share evenly: 0-3, 4-7, 8-11, 12-15 and 16-19 are [0, 4), [4, 8) …"""
SMOOTHING = 0.2
MALE: dict[str | None, float] = {"F": 0.0, "M": 1.0, None: 0.5}


def class_of(ages: Float[Tensor, " n"], *, classes: int = CLASSES) -> Tensor:
    """Return the age class [n] of ages in years, int64, 0 … classes − 1."""
    return (ages * (classes / SPAN)).long().clamp(0, classes - 1)


def class_label(
    numbers: Tensor, *, classes: int = CLASSES, smoothing: float = SMOOTHING
) -> Float[Tensor, "n classes"]:
    """Label of whole classes, as in paper 000: neighbours of the class get ``smoothing`` each.

    [0, 0, 1, 0, 0] → [0, .2, .6, .2, 0] and [1, 0, 0, 0, 0] → [.8, .2, 0, 0, 0].
    """
    plain = torch.eye(classes)
    spread = smoothing * (plain.roll(1, 1).triu(1) + plain.roll(-1, 1).tril(-1))
    table = plain - torch.diag(spread.sum(1)) + spread
    return table.to(numbers.device)[numbers]


def age_label(
    ages: Float[Tensor, " n"], *, classes: int = CLASSES, smoothing: float = SMOOTHING
) -> Float[Tensor, "n classes"]:
    """Label of any age in years, between the labels of the two classes whose middles lie around it.

    At the middle of a class (2, 6, 10, 14, 18 years) it is the class's own label. Before the first
    middle and after the last one it goes on towards the plain class, reached at 0 and at 20 years,
    so that two ages never share a label.
    """
    middle = torch.arange(classes, device=ages.device)
    anchors = class_label(middle, classes=classes, smoothing=smoothing)
    first, last = torch.eye(classes, device=ages.device)[[0, -1]]
    anchors = torch.cat([first[None], anchors, last[None]])
    half = SPAN / classes / 2
    at = torch.cat(
        [
            torch.zeros(1, device=ages.device),
            half + 2 * half * middle,
            torch.full((1,), SPAN, device=ages.device),
        ]
    )
    ages = ages.to(at.dtype).clamp(0.0, SPAN)
    above = torch.searchsorted(at, ages.contiguous()).clamp(1, len(at) - 1)
    share = ((ages - at[above - 1]) / (at[above] - at[above - 1])).unsqueeze(1)
    return torch.lerp(anchors[above - 1], anchors[above], share)


def sex_label(male: Float[Tensor, " n"]) -> Float[Tensor, "n 2"]:
    """Label (female, male) of a sex: 1 male, 0 female, NaN unknown, which is half of each."""
    known = male.nan_to_num(nan=0.5)
    return torch.stack([1.0 - known, known], 1)


def condition(
    ages: Sequence[float] | Tensor,
    sexes: Sequence[str | None] | Tensor | None = None,
    *,
    classes: int = CLASSES,
    smoothing: float = SMOOTHING,
    told_sex: bool = True,
) -> Float[Tensor, "n told"]:
    """All that the generator is told beside z: the label of an age, then that of a sex.

    Parameters
    ----------
    ages
        Years.
    sexes
        'F', 'M' or None (unknown) for each; or numbers as in :func:`sex_label`; or None for all.
    told_sex
        False for networks without a sex (``Generator(sexes=False)``): the age's label alone.
    """
    years = torch.as_tensor(ages, dtype=torch.float32)
    label = age_label(years, classes=classes, smoothing=smoothing)
    if not told_sex:
        return label
    if sexes is None:
        male = torch.full_like(years, 0.5)
    elif isinstance(sexes, Tensor):
        male = sexes
    else:
        male = torch.tensor([MALE[sex] for sex in sexes], device=years.device)
    return torch.cat([label, sex_label(male)], 1)

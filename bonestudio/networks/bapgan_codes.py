"""What a bone's code says of its age, and how the code moves when another age is asked for.

In the paper only the label tells the generator an age, and the code z tells who it is. But much of z
goes with age: in the weights that ship up to half of the spread of one of its numbers. An old bone's
code under a young label is a pair that was seldom trained on, and it was drawn with stripes and too
old. So the mean code of bones of the age that the film has is taken out of z, and the mean code of
the age asked for is put in; what is left of z is the patient's own. Of that, too, a part fades over
the years, as a guess of what is far away had better be nearer to the mean: on virtual patients the
bone stays as near to its true film and comes nearer to its age, and it is found again as often.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from bonestudio.networks.bapgan_labels import SPAN

FADES, OVER = 0.3, 8.0
"""Share of the patient's own part that is lost, and the years that it takes."""
Codes = Float[Tensor, "n latent"]
Numbers = Float[Tensor, " n"]
Drift = Float[Tensor, "6 latent"]
"""Mean code as a quadratic in age, one for all and one for what boys differ in."""


def mean_code(drift: Drift, ages: Numbers, male: Numbers) -> Codes:
    """Mean code of bones of these ages (years) and sexes (1 male, 0 female, NaN unknown)."""
    return _terms(ages, male) @ drift


def learned_drift(codes: Codes, ages: Numbers, male: Numbers) -> Drift:
    """Fit the mean code of each age and sex by least squares."""
    drift: Tensor = torch.linalg.lstsq(_terms(ages, male).double(), codes.double()).solution
    return drift.float()


def moved(codes: Codes, drift: Drift, *, now: Numbers, to: Numbers, male: Numbers) -> Codes:
    """Move codes of bones of the ages ``now`` to the ages ``to``; they stay in [-1, 1]."""
    own = codes - mean_code(drift, now, male)
    kept = 1.0 - FADES * ((to - now).abs() / OVER).clamp(max=1.0)
    return (mean_code(drift, to, male) + kept[:, None].float() * own).clamp(-1.0, 1.0)


def _terms(ages: Numbers, male: Numbers) -> Float[Tensor, "n 6"]:
    share = ages.float() / SPAN
    powers = torch.stack([torch.ones_like(share), share, share.square()], 1)
    boy = male.nan_to_num(nan=0.5)[:, None] - 0.5
    return torch.cat([powers, boy * powers], 1)

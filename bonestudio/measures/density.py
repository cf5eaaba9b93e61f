"""T-scores, Z-scores and WHO classes of a hip's density, and when each of them may be shown.

By convention (ISCD Official Positions): T-scores and the WHO's classes are for women after menopause
and for men of fifty or more; for anyone else there is a Z-score alone, which at −2.0 or less is 'below
the expected range for age'. Without age and sex there is neither.
"""

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Sex

Site = Literal["neck", "total_hip"]
SITES: tuple[Site, ...] = ("neck", "total_hip")
CLASSES = ("normal", "low bone mass", "osteoporosis")
LOW, POROTIC = (
    -1.0,
    -2.5,
)  # T-scores: below the first is low bone mass, at or below the second osteoporosis
EXPECTED = -2.0  # Z-score at or below which a density is below the expected range for age
ADULT, FIFTY, OLDEST = 20.0, 50.0, 110.0
UNCHECKED = " (rounded, not checked against the printed table)"
_SHIPPED = Path(__file__).with_name("density_references.toml")


@dataclass(frozen=True)
class Normal:
    """Mean and standard deviation of a population, g/cm², and how the figures were checked."""

    mean: float
    sd: float
    checked: str

    @property
    def caution(self) -> str:
        """What is to be said of figures that nobody has held against the printed table."""
        return UNCHECKED if "unverified" in self.checked else ""

    def score(self, density: float) -> float:
        """Return how many standard deviations a density lies from the mean."""
        return round((density - self.mean) / self.sd, 9)  # so that 2.5 deviations below are −2.5


@dataclass(frozen=True)
class Reference:
    """A reference population: whom a person is compared with, and who says so."""

    name: str
    title: str
    source: str
    device: str
    rules: str
    t_scores_of_men: Sex
    tables: Mapping[str, Any]

    def young(self, site: Site, sex: Sex) -> Normal:
        """Return young adults, whom T-scores compare with."""
        whose = sex if sex == "F" else self.t_scores_of_men
        told = self.tables["young"][site][whose]
        return Normal(told["mean"], told["sd"], told["checked"])

    def peers(self, site: Site, sex: Sex, age: float) -> Normal:
        """Return people of the same age and sex, whom Z-scores compare with."""
        told = self.tables["by_age"][site][sex]
        ages, means, spreads = np.array(told["rows"], float).T
        return Normal(
            float(np.interp(age, ages, means)), float(np.interp(age, ages, spreads)), told["checked"]
        )  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One comparison, shown or withheld.

    Attributes
    ----------
    kind
        'T' or 'Z'; None where neither may be shown.
    value, interval
        Standard deviations, and those of the density's interval.
    classes
        For a T-score the probability of each of CLASSES; otherwise empty.
    words
        What is to be read beside it.
    against
        The population, or why there is none.
    """

    kind: Literal["T", "Z"] | None
    value: float | None
    interval: tuple[float, float] | None
    classes: Mapping[str, float]
    words: str
    against: str


def compare(
    density: float,
    *,
    site: Site = "total_hip",
    interval: tuple[float, float],
    errors: Sequence[float] = (),
    age: float | None = None,
    sex: Sex | None = None,
    postmenopausal: bool | None = None,
    reference: Reference | None = None,
) -> Score:
    """Compare a density in g/cm² with a population, by the rules of who is compared with whom.

    ``errors`` are true less estimated densities of patients whose truth is known: they make the
    probabilities of the classes. ``postmenopausal`` counts for women; where nobody says, a woman of
    fifty or more is taken to be.
    """
    if site not in SITES:
        raise RequestError(f"A site is one of {', '.join(SITES)}, not {site!r}.")
    if not all(map(math.isfinite, (density, *interval))) or interval[0] > interval[1]:
        raise RequestError("A density and its interval are numbers in g/cm², the lower one first.")
    check_person(age, sex)
    if age is None or sex is None:
        missing = " and ".join(n for n, v in (("age", age), ("sex", sex)) if v is None)
        return Score(None, None, None, {}, "No T-score or Z-score.", f"The {missing} is not known.")
    if age < ADULT:
        return Score(None, None, None, {}, "No T-score or Z-score.", "The reference is of adults.")
    reference = reference or find_reference()
    after = postmenopausal if postmenopausal is not None else age >= FIFTY
    if (sex == "F" and after) or (sex == "M" and age >= FIFTY):
        normal = reference.young(site, sex)
        t = normal.score(density)
        whose = "women" if (sex == "F" or reference.t_scores_of_men == "F") else "men"
        shares = class_shares(density, errors, normal)
        return Score(
            "T", t, (normal.score(interval[0]), normal.score(interval[1])), shares, class_of(t),
            f"{reference.title}: {whose} of 20 to 29{normal.caution}",
        )  # fmt: skip
    normal = reference.peers(site, sex, age)
    z = normal.score(density)
    words = (
        "below the expected range for age" if z <= EXPECTED else "within the expected range for age"
    )
    return Score(
        "Z", z, (normal.score(interval[0]), normal.score(interval[1])), {}, words,
        f"{reference.title}: {'women' if sex == 'F' else 'men'} of {age:.0f}{normal.caution}",
    )  # fmt: skip


def class_of(t: float) -> str:
    """Return the WHO's class of a T-score (Technical Report 843)."""
    if t <= POROTIC:
        return "osteoporosis"
    return "low bone mass" if t < LOW else "normal"


def class_shares(density: float, errors: Sequence[float], normal: Normal) -> dict[str, float]:
    """Return how often the truth lies in each class, were the errors those of known patients."""
    if not len(errors):
        return {}
    found = [class_of(normal.score(density + error)) for error in errors]
    return {name: found.count(name) / len(found) for name in CLASSES}


def check_person(age: Any, sex: Any) -> None:
    """Refuse what is no age and no sex; None is unknown."""
    if age is not None:
        number = isinstance(age, int | float | np.number) and not isinstance(age, bool)
        if not number or not math.isfinite(age) or not 0 <= age <= OLDEST:
            raise RequestError(f"An age is a number of years from 0 to {OLDEST:g}, not {age!r}.")
    if sex not in {"F", "M", None}:
        raise RequestError(f"Sex is 'F', 'M' or unknown, not {sex!r}.")


def find_reference(name: str | None = None) -> Reference:
    """Return a reference: of the file in BONESTUDIO_DENSITY_REFERENCE, or of those that ship."""
    chosen = os.environ.get("BONESTUDIO_DENSITY_REFERENCE")
    return _read(Path(chosen) if chosen else _SHIPPED, name)


@lru_cache(maxsize=4)
def _read(path: Path, name: str | None) -> Reference:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        name = name or next(iter(tables))
        told = tables[name]
        found = Reference(
            name, told["title"], told["source"], told["device"], told["rules"], told["t_scores_of_men"], told
        )  # fmt: skip
        for site in SITES:
            for sex in ("F", "M"):
                for normal in (found.young(site, sex), found.peers(site, sex, 60.0)):
                    if not 0 < normal.sd < normal.mean < 3:
                        raise ValueError("a mean or spread that is no density")  # noqa: TRY301
    except OSError as error:
        raise RequestError(
            f"The reference {path.name} cannot be read: {error.strerror}."
        ) from error
    except KeyError as error:
        raise RequestError(
            f"The reference {path.name} lacks {error}; the one that ships shows what is needed."
        ) from error
    except (ValueError, TypeError, StopIteration) as error:
        raise RequestError(f"The reference {path.name} is damaged: {error}.") from error
    return found

"""What a finished run hands on: weights in half precision where that is enough, and their card."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from bonestudio.checkpoints import Card, Metric, Part
from bonestudio.checkpoints.store import save
from bonestudio.training.experiment import Release
from bonestudio.training.recipes import Recipe
from bonestudio.training.runs import hardware

Family = Literal["phantom", "rsna", "own"]

# The challenge's terms ask for the citation and the link.
_HALABI = (
    "Halabi et al., The RSNA Pediatric Bone Age Machine Learning Challenge, Radiology 2019;290:498-503; "
    "https://www.rsna.org/rsnai/ai-image-challenge/rsna-pediatric-bone-age-challenge-2017"
)
_TERMS: dict[Family, tuple[str, str | None]] = {
    "phantom": ("Apache-2.0", None),
    "rsna": (
        "Academic and non-commercial use (RSNA Bone Age challenge terms)",
        _HALABI,
    ),
    "own": ("As the images that it was trained on", None),
}


# What a card of a family names, so that its terms can be understood: a word of it, and the whole.
_SOURCES: dict[str, tuple[str, str]] = {
    "phantom": ("virtual", "virtual patients"),
    "rsna": ("RSNA", "RSNA Bone Age challenge"),
}


def family_of(source: str) -> tuple[Family, str, str | None]:
    """Return the family, licence and citation of weights trained on a source.

    A folder of the RSNA challenge is known by its name or its table: its terms follow the weights.
    """
    folder = Path(source)
    if source == "phantom":
        family: Family = "phantom"
    elif any("rsna" in part.lower() or "boneage" in part.lower() for part in folder.parts):
        family = "rsna"
    else:
        family = "own"
    return family, *_TERMS[family]


def write_release(release: Release, recipe: Recipe, *, steps: int, folder: Path) -> Card:
    """Write the checkpoint of a finished run into ``folder/checkpoints``."""
    parts = {
        name: Part(architecture=part.architecture, config=dict(part.config))
        for name, part in release.parts.items()
    }
    card = Card(
        system=release.system,
        name=recipe.name.rsplit("/", 1)[-1],
        summary=recipe.summary,
        parts=parts,
        settings=dict(release.settings),
        trained_on=_with_source(release),
        family=cast("Family", release.family),
        recipe=recipe.name,
        recipe_hash=recipe.hash,
        steps=steps,
        seed=recipe.seed,
        hardware=hardware(),
        date=datetime.now(UTC).date().isoformat(),
        metrics=tuple(
            Metric(name=name, value=value, n=count, data=data)
            for name, (value, count, data) in release.metrics.items()
        ),
        licence=release.licence,
        citation=release.citation,
        intended_use=release.intended_use,
        limits=release.limits,
    )
    networks = {name: part.network for name, part in release.parts.items()}
    precision = cast('Literal["float16", "float32"]', release.precision)
    return save(card, networks, folder / "checkpoints", precision=precision)


def _with_source(release: Release) -> str:
    word, source = _SOURCES.get(release.family, ("", ""))
    told = release.trained_on
    return told if word in told else f"{told}, {source}"

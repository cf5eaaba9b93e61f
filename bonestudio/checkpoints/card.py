"""The card of a checkpoint: what it is, where it comes from, what it may be used for."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bonestudio.errors import CheckpointError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Frozen):
    """One network of a checkpoint: ``module:Class`` inside ``bonestudio.networks``, and its options."""

    architecture: str = Field(
        pattern=r"^[a-z][a-z0-9_]*:[A-Za-z0-9_]+$", examples=["dcgan:Generator"]
    )
    config: dict[str, Any] = {}


class Metric(_Frozen):
    """A score on data that the weights have not seen."""

    name: str
    value: float
    n: int
    data: str
    extractor: str | None = None
    """Name and hash of the feature extractor, for FID and its kind."""


class Card(_Frozen):
    """Everything a reader must know before trusting the weights.

    ``settings`` holds what inference needs beside weights (image size, normalisation, classes,
    conformal quantile …); ``files`` is filled in when the checkpoint is written.
    """

    system: str
    name: str
    summary: str
    parts: dict[str, Part]
    settings: dict[str, Any] = {}
    trained_on: str
    family: Literal["phantom", "rsna", "own"]
    recipe: str
    recipe_hash: str
    steps: int
    seed: int
    hardware: str
    date: str
    metrics: tuple[Metric, ...] = ()
    licence: str
    citation: str | None = None
    intended_use: str
    limits: str
    precision: Literal["float16", "float32"] = "float32"
    files: dict[str, str] = {}
    """File name → SHA-256, in the order in which the shards were written."""

    @property
    def id(self) -> str:
        """``system/name``, as a person asks for it."""
        return f"{self.system}/{self.name}"


def read_card(path: Path) -> Card:
    """Read a card, or say in one sentence what is wrong with it."""
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"The card {path.name} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CheckpointError(
            f"The card {path.name} is damaged at {where}: {first['msg']}."
        ) from error

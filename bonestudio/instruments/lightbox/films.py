"""Light box: any bone film opened, evened out, and saved without its patient."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bonestudio.errors import ImageError, RequestError
from bonestudio.places import shipped

if TYPE_CHECKING:
    from bonestudio.imaging import Radiograph

SaveAs = Literal["PNG", "DICOM", "TIFF"]
_SUFFIX: Final[dict[SaveAs, str]] = {"PNG": ".png", "DICOM": ".dcm", "TIFF": ".tif"}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A film and what is told about its file.

    Attributes
    ----------
    detail
        How the pixels were stored ('16-bit grey').
    dropped
        Kinds of information that were not taken over from the file ('patient name'); never values.
    title
        What a sample is called; None for a person's own file.
    simulated
        Whether the film shows a virtual patient.
    """

    film: "Radiograph"
    detail: str
    dropped: tuple[str, ...] = ()
    title: str | None = None
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A film that ships with the studio, of a virtual patient."""

    name: str
    title: str
    path: Path


class LightBox:
    """Open, even out, save. It has no weights and keeps nothing between calls."""

    def __init__(self, *, samples: Path | None = None) -> None:
        self._samples = samples or shipped("assets") / "lightbox"

    def samples(self) -> tuple[Sample, ...]:
        """Films in assets/lightbox, each a PNG with a JSON card beside it."""
        cards = sorted(self._samples.glob("*.json"))
        return tuple(
            Sample(
                name=card.stem,
                title=str(_read_card(card).get("title", card.stem)),
                path=card.with_suffix(".png"),
            )
            for card in cards
            if card.with_suffix(".png").is_file()
        )

    def open_sample(self, name: str) -> Opened:
        """Open a shipped film; its card says what a PNG cannot (spacing, view, side, age, sex)."""
        known = {sample.name: sample for sample in self.samples()}
        if name not in known:
            raise RequestError(
                f"There is no sample called {name}; there are: {', '.join(known) or 'none'}."
            )
        sample = known[name]
        opened = self.open(sample.path)
        card = _read_card(sample.path.with_suffix(".json"))
        spacing = card.get("spacing")
        film = replace(
            opened.film,
            spacing=(float(spacing[0]), float(spacing[1])) if spacing else opened.film.spacing,
            **{
                key: card.get(key, getattr(opened.film, key))
                for key in ("view", "laterality", "age", "sex")
            },
        )
        return replace(opened, film=film, dropped=(), title=sample.title, simulated=True)

    def open(self, path: Path, *, frame: int | None = None) -> Opened:
        """Read one film: PNG, JPEG, TIFF, DICOM, NPY … with all its grey levels; patient data is dropped."""
        from bonestudio.imaging.reading import film_reading

        reading = film_reading(path, frame=frame)
        return Opened(film=reading.image, detail=reading.detail, dropped=reading.dropped)

    def evened(self, film: "Radiograph") -> "Radiograph":
        """Return the film with its local contrast evened out (CLAHE, clip 3, 8 × 8 tiles)."""
        from bonestudio.imaging import clahe

        return clahe(film)

    def save(self, film: "Radiograph", folder: Path, *, kind: SaveAs = "PNG") -> Path:
        """Write the film, de-identified and at full depth, as 'film' with the ending of its kind."""
        from bonestudio.imaging import write_radiograph

        if kind not in _SUFFIX:
            raise RequestError(f"A film is saved as PNG, DICOM or TIFF, not as {kind}.")
        path = folder / f"film{_SUFFIX[kind]}"
        write_radiograph(film, path)
        return path


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ImageError(
            f"The card of the sample {path.stem} is damaged; install the studio again."
        ) from error
    if not isinstance(card, dict):
        raise ImageError(
            f"The card of the sample {path.stem} is damaged; install the studio again."
        )
    return card

"""Questions of a new study from what was given on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bonestudio.errors import RequestError

if TYPE_CHECKING:
    from bonestudio.turing.design import Question


class Folders(NamedTuple):
    """Where the images of a study lie."""

    real: Path | None
    synthetic: Path | None
    progressed: Path | None
    regressed: Path | None
    images: Path | None
    scores: Path | None


def questions_of(  # noqa: PLR0911 - one answer for each way to give images
    kind: str, given: Folders, phantoms: int | None
) -> "tuple[list[Question], dict[str, str]]":
    """Return the questions and, in words, where their images came from."""
    from bonestudio.instruments.phantom_films import PhantomFilms
    from bonestudio.turing import sources

    virtual, own, made = PhantomFilms(), "given by the investigator", "virtual patients"
    if kind == "real-or-synthetic":
        if given.real and given.synthetic:
            return sources.real_or_synthetic(given.real, given.synthetic), {"images": own}
        if given.real and phantoms is not None:
            films = sources.films(given.real)
            questions = sources.from_films(films, virtual.films(phantoms))
            return questions, {"real": own, "synthetic": made}
        if phantoms is not None and not given.synthetic:
            half = max(1, phantoms // 2)
            real, bare = virtual.films(half, natural=True), virtual.films(half, seed=10**6)
            words = {"real": f"{made} in the look of an archive", "synthetic": f"{made}, bare"}
            return sources.from_films(real, bare), words
        raise RequestError(
            "A study of the kind real-or-synthetic needs --real and --synthetic, --real and --phantoms, or --phantoms."
        )
    if kind == "older-of-two":
        if given.real and (given.progressed or given.regressed):
            questions = sources.pairs(
                given.real, progressed=given.progressed, regressed=given.regressed
            )
            return questions, {"images": own}
        if phantoms is not None:
            return sources.from_pairs(virtual.ageing_pairs(phantoms)), {"images": made}
        raise RequestError(
            "A study of the kind older-of-two needs --real and --progressed or --regressed, or --phantoms."
        )
    if given.images:
        return sources.graded(given.images, scores=given.scores), {"images": own}
    if phantoms is not None:
        return sources.from_scored(virtual.graded(phantoms)), {"images": made}
    raise RequestError("A study of the kind grading needs --images, or --phantoms.")

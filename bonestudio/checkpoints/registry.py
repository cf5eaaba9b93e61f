"""Which checkpoints there are: the user's own folder first, then what ships."""

from pathlib import Path

from bonestudio.checkpoints.card import Card, read_card
from bonestudio.errors import CheckpointError
from bonestudio.places import shipped, user_checkpoints


def roots() -> list[Path]:
    """Folders searched for checkpoints, in order."""
    return [folder for folder in (user_checkpoints(), shipped("checkpoints")) if folder is not None]


def find_card(checkpoint_id: str) -> tuple[Card, Path]:
    """Return the card of ``system/name`` and the folder that its files lie in."""
    path = _place(checkpoint_id)
    if path is not None:
        return read_card(path), path.parent
    known = ", ".join(card.id for card in cards()) or "none"
    raise CheckpointError(f"There is no checkpoint '{checkpoint_id}'; known are: {known}.")


def available(checkpoint_id: str) -> bool:
    """Whether ``system/name`` is there with all of its files (their content is checked on loading).

    A damaged card counts as there: whoever uses the checkpoint is told, instead of never seeing it.
    """
    path = _place(checkpoint_id)
    if path is None:
        return False
    try:
        card = read_card(path)
    except CheckpointError:
        return True
    return bool(card.files) and all((path.parent / file).is_file() for file in card.files)


def _place(checkpoint_id: str) -> Path | None:
    """Return where the card of ``system/name`` lies, never outside of the folders searched."""
    system, _, name = checkpoint_id.partition("/")
    for root in roots():
        path = root / system / f"{name}.json"
        if path.resolve().is_relative_to(root.resolve()) and path.is_file():
            return path
    return None


def cards(system: str | None = None) -> list[Card]:
    """Return every readable card, the user's own before the shipped one of the same id."""
    found: dict[str, Card] = {}
    for root in roots():
        for path in sorted(root.glob(f"{system or '*'}/*.json")):
            try:
                card = read_card(path)
            except CheckpointError:
                continue  # a damaged card is named when it is asked for, not when others are listed
            found.setdefault(card.id, card)
    return list(found.values())

"""Which weights draw volumes, and what was made for them; nothing is loaded here."""

from typing import Final, Literal

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError

SYSTEM: Final = "volume"
KINDS: Final = {"progan3d:Generator": "3D-ProGAN", "stylegan3d:Generator": "3D-StyleGAN"}
TRUNCATION: Final = {"3D-ProGAN": 1.8, "3D-StyleGAN": 0.8}
"""What the paper's figure 4 draws with."""
TRUNCATIONS: Final = {"3D-ProGAN": (0.2, 5.0), "3D-StyleGAN": (0.0, 1.5)}
_FAMILIES = ("own", "rsna", "phantom")


def models() -> tuple[Card, ...]:
    """Cards of the generators that are here: the user's own first; 3D-StyleGAN first, the larger first."""
    found = [c for c in cards(SYSTEM) if _is_generator(c) and available(c.id)]

    def rank(card: Card) -> tuple[int, bool, int, str]:
        config = card.parts["generator"].config
        size = int(config.get("stages", 5)) * 1000 + int(config.get("width", 16))
        return _FAMILIES.index(card.family), kind_of(card) != "3D-StyleGAN", -size, card.name

    return tuple(sorted(found, key=rank))


def chosen(model: str | None) -> Card:
    """Return the card that is meant, the best one where none is named."""
    if model is None:
        known = models()
        if not known:
            raise CheckpointError(
                "There are no weights that draw volumes; 'bonestudio train volume/stylegan3d-quick "
                "--data phantom' makes them, and 'bonestudio models' lists those that are there."
            )
        return known[0]
    card, _ = find_card(model if "/" in model else f"{SYSTEM}/{model}")
    if not _is_generator(card):
        raise CheckpointError(f"{card.id} does not draw volumes; it lacks a generator and critic.")
    return card


def companion(card: Card, part: str) -> Card | None:
    """Find the encoder or atlas that was made for exactly these weights."""
    for other in cards(SYSTEM):
        fits = other.settings.get("weights") == sorted(card.files.values())
        if part in other.parts and fits and available(other.id):
            return other
    return None


def kind_of(card: Card) -> Literal["3D-ProGAN", "3D-StyleGAN"]:
    """Say which of the two generators a card describes."""
    return KINDS[card.parts["generator"].architecture]  # type: ignore[return-value]


def _is_generator(card: Card) -> bool:
    parts = card.parts
    return "critic" in parts and "generator" in parts and parts["generator"].architecture in KINDS

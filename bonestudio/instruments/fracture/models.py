"""Which weights there are for hands, and how they are named in a manifest; no torch is needed here."""

import hashlib
from typing import Final

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError

SYSTEM: Final = "fracture"
GENERATOR: Final = "generator"
_DRAWS: Final = "dcgan:Generator"
_FAMILIES: Final = ("own", "rsna", "phantom")


def hand_models() -> list[Card]:
    """Cards of the generators that are here: one's own first, then real hands, then virtual ones."""
    found = [
        card
        for card in cards(SYSTEM)
        if GENERATOR in card.parts
        and card.parts[GENERATOR].architecture == _DRAWS
        and not card.parts[GENERATOR].config.get("classes")
        and available(card.id)
    ]
    # The recipe with a modern discriminator draws the better hands; the paper's stands beside it.
    return sorted(found, key=lambda c: (_FAMILIES.index(c.family), "fast" not in c.name, c.name))


def weights_hash(card: Card) -> str:
    """Name weights by their content: the start of the SHA-256 of their files' hashes."""
    return hashlib.sha256("".join(sorted(card.files.values())).encode()).hexdigest()[:16]


def hand_model(model: str | None = None) -> Card:
    """Find the card of a generator by id or name; without one, the first of those that are here."""
    if model is None:
        known = hand_models()
        if not known:
            raise CheckpointError(
                "There are no weights that draw hands here; train some with "
                "'bonestudio train fracture/dcgan-hands-fast'."
            )
        return known[0]
    card = find_card(model if "/" in model else f"{SYSTEM}/{model}")[0]
    if GENERATOR not in card.parts or card.parts[GENERATOR].architecture != _DRAWS:
        raise CheckpointError(f"{card.id} does not draw hands.")
    return card

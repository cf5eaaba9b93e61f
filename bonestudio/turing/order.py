"""In which order a reader sees the items: random for each reader and round, and reproducible.

Classes are balanced in permuted blocks, sides of pairs are balanced over the study, hidden repeats
come late and far from their first showing, practice comes first.
"""

import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bonestudio.turing.protocol import Item, Protocol

BLOCK = 10


@dataclass(frozen=True)
class Slot:
    """One showing of an item. ``swapped``: the second image of a pair stands on the left."""

    item: str
    practice: bool = False
    repeat: bool = False
    swapped: bool = False


def order_items(protocol: Protocol, *, seed: bytes, reader: str, round_number: int) -> list[Slot]:
    """Lay out one reader's round; a pure function of its arguments."""
    key = hmac.digest(seed, f"{reader}/{round_number}".encode(), "sha256")
    chance = np.random.Generator(np.random.Philox(int.from_bytes(key[:16], "big")))
    questions = list(protocol.questions)
    slots = [
        Slot(item.key, swapped=swapped)
        for item, swapped in zip(
            _in_blocks(questions, chance), _balanced(len(questions), chance), strict=True
        )
    ]
    practice = [Slot(item.key, practice=True) for item in protocol.items if item.practice]
    chance.shuffle(practice)
    return practice + _with_repeats(slots, round(protocol.repeats * len(slots)), chance)


def _in_blocks(items: Sequence[Item], chance: np.random.Generator) -> list[Item]:
    """Permuted blocks: each holds the classes in the proportion of the whole study."""
    by_class: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_class[item.truth].append(item)
    # Every item gets a place in [0, 1): evenly spread within its class, so that each stretch of
    # the study holds its share of each class; then each block is shuffled.
    placed = []
    for members in by_class.values():
        shuffled = [members[i] for i in chance.permutation(len(members))]
        start = chance.random()
        placed += [((i + start) / len(shuffled), item) for i, item in enumerate(shuffled)]
    line = [item for _, item in sorted(placed, key=lambda pair: pair[0])]
    ordered = []
    for begin in range(0, len(line), BLOCK):
        block = line[begin : begin + BLOCK]
        ordered += [block[i] for i in chance.permutation(len(block))]
    return ordered


def _balanced(count: int, chance: np.random.Generator) -> list[bool]:
    """As many True as False (one more of either when odd), in random order."""
    sides = np.arange(count) % 2 == int(chance.integers(2))
    return [bool(side) for side in chance.permutation(sides)]


def _with_repeats(slots: list[Slot], count: int, chance: np.random.Generator) -> list[Slot]:
    """Show ``count`` items of the first half again in the second, sides of pairs swapped anew."""
    half = len(slots) // 2
    chosen = chance.permutation(half)[:count]
    again = [
        Slot(slots[i].item, repeat=True, swapped=bool(chance.integers(2))) for i in sorted(chosen)
    ]
    late: list[Slot] = slots[half:]
    for slot in again:
        late.insert(int(chance.integers(len(late) // 2, len(late) + 1)), slot)
    return slots[:half] + late

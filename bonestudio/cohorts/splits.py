"""Parts of a cohort: by patient, of the papers' sizes, the same on every machine.

Patients are put in the order of a hash of the seed and their own name, so that a split needs no
random generator and does not change when files are listed in another order.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

from bonestudio.errors import RequestError

# Images in (train, validation, test) where a paper's own numbers are not what rounding gives:
# paper 000, femur (phalanges, 5015/717/1433 of 7165, do round).
PAPER_SIZES = {317: (223, 32, 62)}


def sizes_70_10_20(n: int) -> tuple[int, int, int]:
    """Images in train, validation and test: 70/10/20 %, halves rounded up, training has the rest."""
    if n in PAPER_SIZES:
        return PAPER_SIZES[n]
    validation, test = int(0.1 * n + 0.5), int(0.2 * n + 0.5)
    return n - validation - test, validation, test


def in_order(patients: Sequence[str], *, seed: int) -> list[str]:
    """Each patient once, in an order that the seed alone decides."""
    return sorted(set(patients), key=lambda patient: _key(seed, patient))


def take(
    patients: Sequence[str],
    sizes: Sequence[int | Mapping[Hashable, int]],
    *,
    classes: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> list[list[int]]:
    """Deal images to parts of the given sizes, never one patient to two parts.

    Parameters
    ----------
    patients
        The patient of each image.
    sizes
        How many images each part holds, of each class where ``classes`` are given. What fits in
        no part goes to a last one, so one size too few leaves 'the rest'. A patient is skipped
        where his images would overfill a part: sizes are met exactly when some patients are small.

    Returns
    -------
    list of list of int
        Image numbers of each part, then of the rest, each in rising order.
    """
    kinds = [None] * len(patients) if classes is None else list(classes)
    images = defaultdict(list)
    for i, patient in enumerate(patients):
        images[patient].append(i)
    room = [Counter({None: size} if isinstance(size, int) else dict(size)) for size in sizes]
    parts: list[list[int]] = [[] for _ in range(len(sizes) + 1)]
    for patient in in_order(patients, seed=seed):
        need = Counter(kinds[i] for i in images[patient])
        part = next((k for k, left in enumerate(room) if need <= left), len(sizes))
        parts[part] += images[patient]
        if part < len(sizes):
            room[part] -= need
    return [sorted(part) for part in parts]


def folds(patients: Sequence[str], *, k: int = 4, seed: int = 0) -> list[list[int]]:
    """Image numbers of ``k`` folds, by patient, as equal in images as patients allow."""
    if not 2 <= k <= len(set(patients)):
        raise RequestError(
            f"{len(set(patients))} patients cannot be dealt to {k} folds; every fold needs a patient."
        )
    images = defaultdict(list)
    for i, patient in enumerate(patients):
        images[patient].append(i)
    parts: list[list[int]] = [[] for _ in range(k)]
    for patient in in_order(patients, seed=seed):
        min(parts, key=len).extend(images[patient])
    return [sorted(part) for part in parts]


def _key(seed: int, patient: str) -> bytes:
    return hashlib.blake2b(f"{seed}/{patient}".encode(), digest_size=8).digest()

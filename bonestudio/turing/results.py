"""Everything that a report shows of an unblinded study, computed once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bonestudio.errors import StudyError
from bonestudio.metrics.classification import Estimate
from bonestudio.turing.agreement import (
    Agreement,
    between_readers,
    between_readings,
    with_oneself,
)
from bonestudio.turing.analysis import (
    OlderOfTwo,
    Proportion,
    RealOrSynthetic,
    by_group,
    holm,
    older_of_two,
    proportion,
    real_or_synthetic,
)
from bonestudio.turing.equivalence import Equivalence, exact_tost, pooled_tost
from bonestudio.turing.grading import Grading, analyse_grades
from bonestudio.turing.multireader import Pooled, pooled_accuracy, pooled_auc
from bonestudio.turing.protocol import Protocol
from bonestudio.turing.reads import ReaderReads, Rows, by_reader

T = TypeVar("T")


@dataclass(frozen=True)
class Subgroup:
    """Accuracy of one reader in one subgroup, and its p-value adjusted for all of them."""

    reader: str
    group: str
    accuracy: Proportion
    p_holm: float


@dataclass(frozen=True)
class LaterReading:
    """A reading after the washout: its own accuracy, and κ with the reader's first."""

    reader: str
    round: int
    accuracy: Proportion
    kappa: Estimate


@dataclass(frozen=True)
class Results:
    """The analysis of one study; what its kind or number of readers does not allow is None."""

    protocol: Protocol
    reads: tuple[ReaderReads, ...] = ()
    table_2: tuple[RealOrSynthetic, ...] = ()
    table_3: tuple[OlderOfTwo, ...] = ()
    grading: Grading | None = None
    equivalence: tuple[tuple[str, Equivalence], ...] = ()
    pooled: Pooled | None = None
    pooled_auc: Pooled | None = None
    pooled_equivalence: Equivalence | None = None
    agreement: Agreement | None = None
    oneself: tuple[tuple[str, Estimate], ...] = ()
    later: tuple[LaterReading, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()


def analyse(protocol: Protocol, rows: Rows) -> Results:
    """Analyse the first reading of every reader, as the protocol says; later ones against it."""
    if protocol.kind == "grading":
        return Results(protocol, grading=analyse_grades(rows, protocol.items))
    reads = by_reader(rows)
    pairs = protocol.kind == "older-of-two"
    pooled = _possible(lambda: pooled_accuracy(reads))
    margin, alpha = protocol.margin, protocol.alpha
    equivalence = [
        (
            one.reader,
            exact_tost(int(one.correct.sum()), len(one.correct), margin=margin, alpha=alpha),
        )
        for one in reads
    ]
    return Results(
        protocol=protocol,
        reads=tuple(reads),
        table_2=() if pairs else tuple(map(real_or_synthetic, reads)),
        table_3=tuple(map(older_of_two, reads)) if pairs else (),
        # A progression should be recognised; only realism is tested for equivalence with chance.
        equivalence=() if pairs else tuple(equivalence),
        pooled=pooled,
        pooled_auc=None if pairs else _possible(lambda: pooled_auc(reads)),
        pooled_equivalence=(
            None
            if pairs or pooled is None
            else pooled_tost(
                pooled.estimate,
                pooled.standard_error,
                pooled.degrees_of_freedom,
                margin=margin,
                alpha=alpha,
            )
        ),
        agreement=between_readers(reads) if len(reads) > 1 else None,
        oneself=tuple(
            (one.reader, kappa) for one in reads if (kappa := with_oneself(rows, one.reader))
        ),
        later=_later(protocol, rows, reads),
        subgroups=_subgroups(reads),
    )


def _possible(work: Callable[[], T]) -> T | None:
    """Leave out what too few readers or too few common cases do not allow."""
    try:
        return work()
    except StudyError:
        return None


def _later(protocol: Protocol, rows: Rows, reads: list[ReaderReads]) -> tuple[LaterReading, ...]:
    first = {one.reader: one for one in reads}
    found = []
    for number in range(2, protocol.rounds + 1):
        for one in _possible(partial(by_reader, rows, round_number=number)) or []:
            accuracy = proportion(int(one.correct.sum()), len(one.correct))
            kappa = between_readings(first[one.reader], one)
            found.append(LaterReading(one.reader, number, accuracy, kappa))
    return tuple(found)


def _subgroups(reads: list[ReaderReads]) -> tuple[Subgroup, ...]:
    found = [(one.reader, name, p) for one in reads for name, p in by_group(one).items()]
    if len({name for _, name, _ in found}) < 2:
        return ()
    adjusted = holm({f"{reader}/{name}": p.p_chance for reader, name, p in found})
    return tuple(
        Subgroup(reader, name, p, adjusted[f"{reader}/{name}"]) for reader, name, p in found
    )

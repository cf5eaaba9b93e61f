"""``bonestudio synthesise remember``: what a generator of hands has seen, to look for copies later."""

from pathlib import Path


def remember(
    *,
    data: Path,
    out: Path,
    extractor: str = "bone2d-rsna",
    name: str | None = None,
    copies: int = 100,
    json: bool = False,
) -> None:
    """Describe the films that a generator learned from, so that samples can be held against them.

    No film is kept: the table holds features, and the distances between other people's hands and
    these films as a ruler. The split is the one that the recipes with ``hold_out`` use.

    Parameters
    ----------
    data
        Folder of the hands that the generator was trained on.
    out
        Folder of checkpoints to write to.
    extractor
        Whose features to use.
    name
        Of the table.
    copies
        How many disturbed copies are looked for, to say how well that works.
    json
        Answer in JSON.
    """
    from bonestudio.checkpoints import Metric
    from bonestudio.checkpoints.store import save
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.instruments.fracture import memory
    from bonestudio.metrics.extractors import find_extractor
    from bonestudio.training.films import open_cohort
    from bonestudio.training.releases import family_of

    cohort = open_cohort(str(data), phantom="hand", count=1)
    known, others = cohort.without("test"), cohort.split("test")
    network = find_extractor(extractor)
    films = [sample.image for sample in known]
    table, _ = memory.remember(films, [sample.image for sample in others], network)
    found, near = memory.check_copies(table, network, films, count=copies)
    where = "disturbed copies of training films"
    family, licence, citation = family_of(str(data))
    card = memory.memory_card(
        table,
        network,
        [entry.name for entry in known.entries],
        name=name or f"hands-seen-{family}",
        family=family,
        trained_on=f"{len(known)} hands, and {len(others)} of other people as a ruler",
        licence=licence,
        citation=citation,
        metrics=(
            Metric(name="copies_found", value=found, n=copies, data=where, extractor=str(network)),
            Metric(name="copies_nearer_than_95_percent_of_others", value=near, n=copies, data=where,
                   extractor=str(network)),
        ),
    )  # fmt: skip
    save(card, {memory.PART: table}, out)
    told = {"table": card.id, "films": len(known), "others": len(others)}
    told |= {"copies found": round(found, 3), "copies suspicious": round(near, 3)}
    print_json(told) if json else print_fields(told)

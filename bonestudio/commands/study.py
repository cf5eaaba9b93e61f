"""``bonestudio study``: open, watch, unblind and report reader studies from the command line."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

_Study = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="STUDY")]
_Kind = Literal["real-or-synthetic", "older-of-two", "grading"]


def create(
    *,
    title: str,
    kind: _Kind = "real-or-synthetic",
    real: Path | None = None,
    synthetic: Path | None = None,
    progressed: Path | None = None,
    regressed: Path | None = None,
    images: Path | None = None,
    scores: Path | None = None,
    phantoms: int | None = None,
    practice: int = 4,
    repeats: float = 0.1,
    rounds: int = 1,
    washout_days: float = 28,
    session_length: int = 50,
    margin: float = 0.1,
    override: str = "",
    readers: tuple[str, ...] = (),
    json: bool = False,
) -> None:
    """Open a study: the protocol is frozen, audited and hashed. Prints a personal link per reader.

    Parameters
    ----------
    title
        What readers see at the top of the page.
    kind
        The question asked.
    real
        Folder of real images (for older-of-two: of the originals).
    synthetic
        Folder of synthetic images.
    progressed
        Folder of older versions, same file names as in --real.
    regressed
        Folder of younger versions, same file names as in --real.
    images
        Folder of images to be graded.
    scores
        CSV of realism scores of these images: a column 'file', one column a score.
    phantoms
        Number of questions on virtual patients, a try-out without folders; those of --practice are
        among them (12 make 8 that count). With --real alone, the number of virtual patients that are
        the synthetic half.
    practice
        Questions set apart for practice; they do not count.
    repeats
        Share of items shown twice, hidden.
    rounds
        Readings by each reader.
    washout_days
        Days between readings.
    session_length
        Reads after which a pause is proposed.
    margin
        Equivalence margin around 50 %.
    override
        Your written reason for starting although the leak audit says no.
    readers
        Names of the readers.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.commands.study_questions import Folders, questions_of
    from bonestudio.turing.audit import not_audited
    from bonestudio.turing.design import design
    from bonestudio.turing.store import Store

    folders = Folders(real, synthetic, progressed, regressed, images, scores)
    questions, described = questions_of(kind, folders, phantoms)
    store = Store()
    made_design = design(
        questions,
        title=title,
        kind=kind,
        practice=practice,
        audit_override=override,
        repeats=repeats,
        rounds=rounds,
        washout_days=washout_days,
        session_length=session_length,
        margin=margin,
        sources=described,
    )
    study = made_design.open(store)
    links = {name: f"/read/{store.enrol(study, name)}" for name in readers}
    answer = {
        "study": study,
        "protocol": made_design.protocol.hash,
        "questions": len(made_design.protocol.questions),
        "audit": made_design.protocol.audit
        or f"not audited: {not_audited(made_design.protocol.items)}",
        "links": links,
    }
    print_json(answer) if json else print_fields(answer)


def list_studies(*, json: bool = False) -> None:
    """List the studies and how far their readers are.

    Parameters
    ----------
    json
        Answer in JSON.
    """
    from dataclasses import asdict

    from bonestudio.commands.output import print_json, print_table
    from bonestudio.turing.store import Store

    studies = Store().studies()
    if json:
        print_json([asdict(study) for study in studies])
    elif not studies:
        print("There are no studies yet; 'bonestudio study create' opens one.")
    else:
        print_table(
            ("study", "title", "kind", "readers", "state"),
            [
                (
                    s.id,
                    s.title,
                    s.kind,
                    ", ".join(f"{p.reader} {p.answered}/{p.total}" for p in s.progress) or "none",
                    "unblinded" if s.unblinded else "open",
                )
                for s in studies
            ],
        )


def link(
    study: _Study,
    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="READER")],
    /,
    *,
    renew: bool = False,
) -> None:
    """Enrol a reader and print the personal link, which is shown only once.

    Parameters
    ----------
    study
        The study's id.
    name
        The reader's name.
    renew
        Give a reader who lost it a new link; the old one ends, the reading goes on.
    """
    from bonestudio.turing.store import Store

    store = Store()
    token = store.renew_link(study, name) if renew else store.enrol(study, name)
    print(f"/read/{token}")


def status(study: _Study, /, *, json: bool = False) -> None:
    """Show the progress of a study and whether its log verifies.

    Parameters
    ----------
    study
        The study's id.
    json
        Answer in JSON.
    """
    from dataclasses import asdict

    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.turing.store import Store

    store = Store()
    protocol, findings = store.protocol(study), store.verify(study)
    (summary,) = [one for one in store.studies() if one.id == study]
    answer = asdict(summary) | {"questions": len(protocol.questions), "log": findings or "verifies"}
    if json:
        print_json(answer)
    else:
        lines = [
            f"{p.reader}, reading {p.round}: {p.answered} of {p.total}" for p in summary.progress
        ]
        print_fields(answer | {"progress": "; ".join(lines) or "no readers yet"})


def unblind(study: _Study, /, *, reason: str) -> None:
    """Open the truth, once and for all: nothing can be read afterwards.

    Parameters
    ----------
    study
        The study's id.
    reason
        Why now; it is written to the log.
    """
    from bonestudio.turing.store import Store

    Store().unblind(study, reason=reason)
    print("Unblinded.")


def report(study: _Study, /, *, out: Path, number_readers: bool = False) -> None:
    """Write report.html, reads.csv and reads.imrmc of an unblinded study.

    Parameters
    ----------
    study
        The study's id.
    out
        Folder to write to.
    number_readers
        Write 'Reader 1' instead of names into the report.
    """
    from bonestudio.errors import StorageError
    from bonestudio.turing.export import write_report
    from bonestudio.turing.store import Store

    try:
        files = write_report(Store(), study, out, hidden=number_readers)
    except OSError as error:
        raise StorageError(f"The report cannot be written to {out}: {error.strerror}.") from error
    print("\n".join(str(file) for file in files))


COMMAND = {
    "create": create,
    "list": list_studies,
    "link": link,
    "status": status,
    "unblind": unblind,
    "report": report,
}

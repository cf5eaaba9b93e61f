"""Volumes that one command leaves and the next opens: sessions and seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.instruments.volume.directions import Direction
    from bonestudio.instruments.volume.editor import VolumeEditor
    from bonestudio.instruments.volume.session import Session


def editor(model: str | None, out: Path) -> "VolumeEditor":
    """Open the editor, once it is known that ``out`` can be written."""
    from bonestudio.instruments.volume.editor import VolumeEditor
    from bonestudio.instruments.volume.export import check_place

    check_place(out)
    return VolumeEditor(model)


def opened(at: "VolumeEditor", volume: str) -> "tuple[VolumeEditor, Session]":
    """Open a session with its own weights, or draw a seed with those of the editor."""
    from bonestudio.errors import RequestError
    from bonestudio.instruments.volume.editor import VolumeEditor
    from bonestudio.instruments.volume.session import Session

    if volume.isdigit():
        return at, at.begin(f"Seed {volume}", at.sample(seed=int(volume)))
    if not volume.lower().endswith(".json"):
        raise RequestError(f"A volume is a session (.json) or a seed, not '{volume}'.")
    begun = Session.open(Path(volume))
    at = VolumeEditor(begun.model)
    at.check_session(begun)
    return at, begun


def two_opened(
    first: str, second: str, model: str | None, out: Path
) -> "tuple[VolumeEditor, Session, Session]":
    """Open two volumes of the same weights; a seed takes those of the session beside it."""
    at = editor(model, out)
    if first.isdigit() and not second.isdigit():
        at, b = opened(at, second)
        return at, opened(at, first)[1], b
    at, a = opened(at, first)
    b = opened(at, second)[1]
    at.check_session(b)
    return at, a, b


def then(begun: "Session", name: str, code: Any, *, kept: tuple[str, ...] = ()) -> "Session":
    """Add a step to a session, on the same box; ``kept`` names what an edit was to leave alone."""
    from bonestudio.instruments.volume.session import Step

    return begun.then(Step(name=name, code=code, box=begun.now.box, kept=kept))


def leave(
    at: "VolumeEditor",
    begun: "Session",
    out: Path,
    json: bool,  # noqa: FBT001 - handed on
    *,
    way: "Direction | None" = None,
    **more: Any,
) -> None:
    """Write the volume and its session; say what it measures, and what became of what was to be kept."""
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.instruments.volume.export import export
    from bonestudio.instruments.volume.session import NOTICE

    step = begun.now
    export(at.cropped(at.draw(step.code), step), out)
    ending = next((e for e in (".nii.gz",) if out.name.lower().endswith(e)), out.suffix)
    # A NPY keeps its spacing in NAME.json.
    session = out.with_name(f"{out.name[: -len(ending)]}.session.json")
    begun.save(session)
    measured, realism = at.found(step.code)
    told: dict[str, Any] = {
        "file": str(out),
        "session": str(session),
        "notice": NOTICE,
        "model": begun.model,
    }
    told |= {"step": step.name, "realism": realism, **more}
    kept = at.kept(begun.before.code, step)
    if json:
        told |= {} if way is None else way.told()
        told |= {"keep": {one.name: one.told() for one in kept}} if kept else {}
        print_json(told | {"measured": measured.told()})
        return
    told |= {} if way is None else {"direction": way.title}
    told |= {"keep": "; ".join(one.words for one in kept) or None}
    shown = {n: f"{row['value']:.4g} {row['unit']}" for n, row in measured.told().items() if isinstance(row, dict)}  # fmt: skip
    notes = {"note": measured.grain or None, "not measured": measured.why or None}
    print_fields(told | shown | notes)

"""``bonestudio volume``: draw, invert, morph, mix, edit, measure and render HR-pQCT stacks.

A volume that is to be worked on is named by its session (.json, which every command leaves beside
what it writes) or by a seed (a whole number).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from bonestudio.commands.volume_learn import learn

if TYPE_CHECKING:
    from bonestudio.instruments.volume import VolumeEditor
    from bonestudio.instruments.volume_session import Session

First = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="VOLUME")]
Second = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SECOND")]


def sample(
    *,
    out: Path,
    seed: int = 0,
    truncation: float | None = None,
    model: str | None = None,
    json: bool = False,
) -> None:
    """Draw a volume that belongs to nobody. It is SIMULATED.

    Parameters
    ----------
    out
        File to write: .nii.gz, .nrrd, .mha, .npy, .stl, .ply, .png or .mp4.
    seed
        The same seed draws the same volume.
    truncation
        3D-ProGAN: standard deviations (1.8); 3D-StyleGAN: a factor ψ (0.8).
    model
        Weights such as 'volume/stylegan3d-quick'; the best that are here by default.
    json
        Answer in JSON.
    """
    at = _editor(model, out)
    _leave(at, at.begin(f"Seed {seed}", at.sample(seed=seed, truncation=truncation)), out, json)


def invert(
    scan: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SCAN")],
    /,
    *,
    out: Path,
    updates: int = 100,
    whole: bool = False,
    model: str | None = None,
    json: bool = False,
) -> None:
    """Find the code of a scan, so that it can be edited.

    Parameters
    ----------
    scan
        HR-pQCT in mg HA/cm³: NIfTI, NRRD, MHA, AIM, ISQ, NPY with its spacing, a DICOM folder.
    out
        File of the volume that the generator draws for it; its session lies beside it.
    updates
        After the encoder's guess (equation 7 or 10 of paper 003).
    whole
        All stacks of the scan, stitched; by default its middle stack.
    model
        Weights; the best that are here by default.
    json
        Answer in JSON.
    """
    from rich.console import Console
    from rich.progress import Progress

    from bonestudio.imaging import read_volume

    at = _editor(model, out)
    prepared = at.prepare(read_volume(scan), whole=whole)
    errors: list[float] = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("updates", total=updates)
        for step in at.invert(prepared, updates=updates):
            errors.append(step.rmse)
            bar.update(task, completed=step.done, description=f"{step.rmse:.0f} mg HA/cm³")
    begun = at.begin(f"Inverted scan, {updates} updates", step.code, box=prepared.box)
    told = {
        "guess": step.guess,
        "rmse_first_mg_cm3": round(errors[0], 2),
        "rmse_mg_cm3": round(errors[-1], 2),
        "stacks": len(prepared.starts),
        "assumed": prepared.assumed or None,
    }
    _leave(at, begun, out, json, **told)


def morph(first: First, second: Second, /, *, share: float, out: Path, model: str | None = None, json: bool = False) -> None:  # fmt: skip
    """Draw a volume between two.

    Parameters
    ----------
    first, second
        Sessions (.json) or seeds.
    share
        0 is the first, 1 the second.
    out
        File to write.
    model
        Weights, where both are seeds.
    json
        Answer in JSON.
    """
    at, a, b = _two(first, second, model, out)
    code = at.morph(a.now.code, b.now.code, share)
    _leave(at, _then(a, f"{100 * share:.0f} % of the second", code), out, json)


def mix(first: First, second: Second, /, *, layers: int, out: Path, model: str | None = None, json: bool = False) -> None:  # fmt: skip
    """Draw the shape of one volume with the style of another (3D-StyleGAN).

    Parameters
    ----------
    first, second
        Sessions (.json) or seeds; the first gives the shape.
    layers
        How many layers the first one gives; the paper shows 3, 7 and 12 of 15.
    out
        File to write.
    model
        Weights, where both are seeds.
    json
        Answer in JSON.
    """
    at, a, b = _two(first, second, model, out)
    code = at.mix(a.now.code, b.now.code, layers)
    _leave(at, _then(a, f"Style after layer {layers}", code), out, json)


def edit(
    volume: First,
    /,
    *,
    direction: str,
    out: Path,
    amount: float | None = None,
    change: float | None = None,
    keep: tuple[str, ...] = (),
    model: str | None = None,
    json: bool = False,
) -> None:
    """Push a volume along a direction, or until an attribute has changed by so much.

    Parameters
    ----------
    volume
        A session (.json) or a seed.
    direction
        'sefa-1' to 'sefa-8', or an attribute such as Tb.BMD.
    out
        File to write.
    amount
        α, in standard deviations of random codes.
    change
        Instead of amount: the attribute's change in its unit, as measured on the result.
    keep
        Attributes to leave alone: --keep Tt.Ar Ct.Th.
    model
        Weights, where the volume is a seed.
    json
        Answer in JSON.
    """
    from bonestudio.errors import RequestError

    at = _editor(model, out)
    at, begun = _opened(at, volume)
    if (amount is None) == (change is None):
        raise RequestError("Say either --amount (α) or --change (in the attribute's unit).")
    step_size = amount
    told: dict[str, Any] = {}
    if step_size is None:
        *_, best = at.edit_to(begun.now.code, direction, float(change or 0), keep=keep)
        step_size, told = best.amount, {"asked": change, "reached": round(best.change, 4)}
    code = at.edit(begun.now.code, direction, step_size, keep=keep)
    before = at.found(begun.now.code)[0].values
    after = at.found(code)[0].values
    changes = {f"change of {n}": round(after[n] - before[n], 4) for n in after if n in before}
    step = _then(begun, f"{direction}, α {step_size:+.2f}", code)
    _leave(at, step, out, json, alpha=round(step_size, 4), **told, **changes)


def measure(volume: First, /, *, model: str | None = None, json: bool = False) -> None:
    """Measure micro-architecture, of a session, a seed or a scan in mg HA/cm³.

    Parameters
    ----------
    volume
        A session (.json), a seed, or a scan.
    model
        Weights, where the volume is a seed.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_json, print_table
    from bonestudio.imaging import read_volume
    from bonestudio.instruments.volume import VolumeEditor
    from bonestudio.instruments.volume_measures import DIGITS, UNITS

    if volume.isdigit() or volume.lower().endswith(".json"):
        at, begun = _opened(VolumeEditor(model), volume)
        found = at.found(begun.now.code)[0]
    else:
        found = VolumeEditor.measure(read_volume(Path(volume)))
    if json:
        print_json(found.told())
    elif found.why:
        print(f"Not measured: {found.why}")
    else:
        rows = [[n, f"{v:.{DIGITS[UNITS[n]]}f}", UNITS[n]] for n, v in found.values.items()]
        print_table(["attribute", "value", "unit"], rows)


def render(volume: First, /, *, out: Path, model: str | None = None) -> None:
    """Write a session's volume, or a seed's, as a picture, a film of one turn, or a surface.

    Parameters
    ----------
    volume
        A session (.json) or a seed.
    out
        .png, .mp4, .stl, .ply, or a format of volumes.
    model
        Weights, where the volume is a seed.
    """
    from bonestudio.instruments.volume_export import export

    at, begun = _opened(_editor(model, out), volume)
    print(export(at.cropped(at.draw(begun.now.code), begun.now), out))


COMMAND = {
    "sample": sample,
    "invert": invert,
    "morph": morph,
    "mix": mix,
    "edit": edit,
    "measure": measure,
    "render": render,
    "learn": learn,
}


def _editor(model: str | None, out: Path) -> "VolumeEditor":
    from bonestudio.instruments.volume import VolumeEditor
    from bonestudio.instruments.volume_export import check_place

    check_place(out)
    return VolumeEditor(model)


def _opened(at: "VolumeEditor", volume: str) -> "tuple[VolumeEditor, Session]":
    """Open a session with its own weights, or draw a seed with those of the editor."""
    from bonestudio.errors import RequestError
    from bonestudio.instruments.volume import VolumeEditor
    from bonestudio.instruments.volume_session import Session

    if volume.isdigit():
        return at, at.begin(f"Seed {volume}", at.sample(seed=int(volume)))
    if not volume.lower().endswith(".json"):
        raise RequestError(f"A volume is a session (.json) or a seed, not '{volume}'.")
    begun = Session.open(Path(volume))
    at = VolumeEditor(begun.model)
    at.check_session(begun)
    return at, begun


def _two(
    first: str, second: str, model: str | None, out: Path
) -> "tuple[VolumeEditor, Session, Session]":
    """Open two volumes of the same weights; a seed takes those of the session beside it."""
    at = _editor(model, out)
    if first.isdigit() and not second.isdigit():
        at, b = _opened(at, second)
        return at, _opened(at, first)[1], b
    at, a = _opened(at, first)
    b = _opened(at, second)[1]
    at.check_session(b)
    return at, a, b


def _then(begun: "Session", name: str, code: Any) -> "Session":
    from bonestudio.instruments.volume_session import Step

    return begun.then(Step(name=name, code=code, box=begun.now.box))


def _leave(at: "VolumeEditor", begun: "Session", out: Path, json: bool, **more: Any) -> None:  # noqa: FBT001 - handed on
    """Write the volume and its session, and say what it measures."""
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.instruments.volume_export import export
    from bonestudio.instruments.volume_session import NOTICE

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
    if json:
        print_json(told | {"measured": measured.told()})
        return
    shown = {n: f"{row['value']:.4g} {row['unit']}" for n, row in measured.told().items() if isinstance(row, dict)}  # fmt: skip
    print_fields(told | shown | ({"not measured": measured.why} if measured.why else {}))

"""``bonestudio volume``: draw, invert, morph, mix, edit, measure and render HR-pQCT stacks.

A volume that is to be worked on is named by its session (.json, which every command leaves beside
what it writes) or by a seed (a whole number).
"""

from pathlib import Path
from typing import Annotated, Any

import tyro

from bonestudio.commands.volume_learn import learn
from bonestudio.commands.volume_sessions import editor, leave, opened, then, two_opened

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
        File to write: .nii.gz, .nrrd, .mha, .npy, .stl, .ply, .glb, .png or .mp4.
    seed
        The same seed draws the same volume.
    truncation
        3D-ProGAN: standard deviations (1.8); 3D-StyleGAN: a factor ψ (0.8).
    model
        Weights such as 'volume/stylegan3d-quick'; the best that are here by default.
    json
        Answer in JSON.
    """
    at = editor(model, out)
    leave(at, at.begin(f"Seed {seed}", at.sample(seed=seed, truncation=truncation)), out, json)


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

    at = editor(model, out)
    prepared = at.prepare(read_volume(scan), whole=whole)
    errors: list[float] = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("updates", total=updates)
        for step in at.invert(prepared, updates=updates):
            errors.append(step.rmse)
            bar.update(task, completed=step.done, description=f"{step.rmse:.0f} mg HA/cm³")
    begun = at.begin(f"Inverted scan, {updates} updates", step.code, box=prepared.box)
    told: dict[str, Any] = {
        "guess": step.guess,
        "rmse_first_mg_cm3": round(errors[0], 2),
        "rmse_mg_cm3": round(errors[-1], 2),
        "stacks": len(prepared.starts),
        "assumed": prepared.assumed or None,
    }
    leave(at, begun, out, json, **told)


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
    at, a, b = two_opened(first, second, model, out)
    code = at.morph(a.now.code, b.now.code, share)
    leave(at, then(a, f"{100 * share:.0f} % of the second", code), out, json)


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
    at, a, b = two_opened(first, second, model, out)
    code = at.mix(a.now.code, b.now.code, layers)
    leave(at, then(a, f"Style after layer {layers}", code), out, json)


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
        Attributes to leave alone as far as the fit can: --keep Tt.Ar Ct.Th. How far each moved is
        measured and told; 'kept' is less than a quarter of its deviation from bone to bone.
    model
        Weights, where the volume is a seed.
    json
        Answer in JSON.
    """
    from bonestudio.errors import RequestError

    at = editor(model, out)
    at, begun = opened(at, volume)
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
    step = then(begun, f"{direction}, α {step_size:+.2f}", code, kept=keep)
    way = at.direction(direction, keep=keep)
    leave(at, step, out, json, way=way, alpha=round(step_size, 4), **told, **changes)


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
    from bonestudio.instruments.volume.editor import VolumeEditor
    from bonestudio.instruments.volume.measures import DIGITS, UNITS

    if volume.isdigit() or volume.lower().endswith(".json"):
        at, begun = opened(VolumeEditor(model), volume)
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
        print(found.grain)


def render(volume: First, /, *, out: Path, model: str | None = None) -> None:
    """Write a session's volume, or a seed's, as a picture, a film of one turn, or a surface.

    Parameters
    ----------
    volume
        A session (.json) or a seed.
    out
        .png, .mp4, .stl, .ply, .glb, or a format of volumes.
    model
        Weights, where the volume is a seed.
    """
    from bonestudio.instruments.volume.export import export

    at, begun = opened(editor(model, out), volume)
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

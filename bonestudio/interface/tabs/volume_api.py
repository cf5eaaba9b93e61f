"""The endpoints of the volume editor: sessions (JSON) in and out, the volume beside them as a file."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import gradio as gr
from gradio.data_classes import FileData

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.lightbox.scans import ScanViewer
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.export import KINDS, export
from bonestudio.instruments.volume.session import NOTICE, Session, Step
from bonestudio.interface import session
from bonestudio.interface.tabs.volume_work import editor

Kind = Literal["NIfTI", "NPY", "STL", "PNG", "MP4"]
Answer = tuple[FileData, FileData, dict[str, Any]]
_MOST_UPDATES = 300
T = TypeVar("T")


def volume_sample(
    request: gr.Request,
    seed: int = 0,
    truncation: float | None = None,
    kind: Kind = "NIfTI",
    model: str | None = None,
) -> Answer:
    """Draw an HR-pQCT stack of a distal radius that belongs to nobody. The volume is SIMULATED.

    Args:
        seed: A whole number; the same seed draws the same volume.
        truncation: 0.2 to 4 standard deviations for 3D-ProGAN (1.8), a factor of 0 to 1.5 for 3D-StyleGAN (0.8); lower draws fewer odd bones.
        kind: The volume's file: 'NIfTI', 'NPY', 'STL', 'PNG' or 'MP4'.
        model: Weights such as 'volume/stylegan3d-quick'; the best that are here by default.

    Returns:
        The volume, its session (JSON, for the other endpoints), and what it measures, with units.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page

    def draw() -> Answer:
        at = _editor(model)
        code = at.sample(seed=_whole(seed), truncation=truncation)
        return _answer(at, at.begin(f"Seed {seed}", code), kind, request)

    return _spoken(draw)


def volume_invert(
    request: gr.Request,
    file: FileData,
    updates: int = 100,
    whole: bool = False,  # noqa: FBT001, FBT002 - an endpoint's parameters have places
    kind: Kind = "NIfTI",
    model: str | None = None,
) -> Answer:
    """Find the code of a scan, so that it can be edited. The volume returned is SIMULATED.

    Args:
        file: An HR-pQCT scan in mg HA/cm³: NIfTI, NRRD, MHA, AIM, ISQ or NPY with its spacing.
        updates: Updates after the encoder's guess, 0 to 300.
        whole: All stacks of the scan, stitched; by default its middle stack.
        kind: As for /volume_sample.
        model: As for /volume_sample.

    Returns:
        As /volume_sample; with the root mean squared error in mg HA/cm³.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = session.sent(file)

    def find() -> Answer:
        if not 0 <= _whole(updates) <= _MOST_UPDATES:
            raise RequestError(f"Updates are 0 to {_MOST_UPDATES}, not {updates}.")
        at = _editor(model)
        scan = at.prepare(ScanViewer.open(session.check_upload(path)).volume, whole=whole)
        *_, last = at.invert(scan, updates=updates)
        begun = at.begin(f"Inverted scan, {last.total} updates", last.code, box=scan.box)
        volume, kept, told = _answer(at, begun, kind, request)
        return volume, kept, told | {"rmse_mg_cm3": last.rmse, "guess": last.guess}

    try:
        return _spoken(find)
    finally:
        session.delete_upload(path)


def volume_morph(
    request: gr.Request, first: FileData, second: FileData, share: float = 0.5, kind: Kind = "NIfTI"
) -> Answer:
    """Draw a volume between two. It is SIMULATED.

    Args:
        first: Session of a volume, as /volume_sample returns it.
        second: Session of another one with the same weights.
        share: 0 is the first, 1 the second.
        kind: As for /volume_sample.
    """

    def between() -> Answer:
        (at, a), (_, b) = _opened(first), _opened(second)
        code = at.morph(a.now.code, _same(a, b).now.code, share)
        step = Step(name=f"{100 * share:.0f} % of the second", code=code, box=a.now.box)
        return _answer(at, a.then(step), kind, request)

    return _spoken(between)


def volume_mix(
    request: gr.Request, source: FileData, target: FileData, layers: int = 7, kind: Kind = "NIfTI"
) -> Answer:
    """Draw one volume's shape with another one's style (3D-StyleGAN). It is SIMULATED.

    Args:
        source: Session of the volume that gives the first layers: shape.
        target: Session of the volume that gives the rest: density and structure.
        layers: How many layers the source gives; the paper shows 3, 7 and 12 of 15.
        kind: As for /volume_sample.
    """

    def mixed() -> Answer:
        (at, a), (_, b) = _opened(source), _opened(target)
        code = at.mix(a.now.code, _same(a, b).now.code, _whole(layers))
        step = Step(name=f"Style after layer {layers}", code=code, box=a.now.box)
        return _answer(at, a.then(step), kind, request)

    return _spoken(mixed)


def volume_edit(
    request: gr.Request,
    file: FileData,
    direction: str,
    amount: float | None = None,
    change: float | None = None,
    keep: str = "",
    kind: Kind = "NIfTI",
) -> Answer:
    """Push a volume along a direction, or until an attribute has changed by so much. It is SIMULATED.

    Args:
        file: Session of the volume.
        direction: 'sefa-1' to 'sefa-8', or an attribute such as 'Tb.BMD' where directions were fitted.
        amount: α in standard deviations of random codes.
        change: Instead of amount: the attribute's change in its unit, as measured on the result.
        keep: Attributes to leave alone as far as the fit can, such as 'Tt.Ar, Ct.Th'; how far each moved is measured and told.
        kind: As for /volume_sample.
    """

    def edited() -> Answer:
        at, begun = _opened(file)
        kept = [name.strip() for name in keep.split(",") if name.strip()]
        if (amount is None) == (change is None):
            raise RequestError("Say either the amount (α) or the change of the attribute.")
        alpha = amount
        if alpha is None:
            *_, best = at.edit_to(begun.now.code, direction, float(change or 0.0), keep=kept)
            alpha = best.amount
        code = at.edit(begun.now.code, direction, alpha, keep=kept)
        way = at.direction(direction, keep=kept)
        step = Step(
            name=f"{direction}, α {alpha:+.2f}", code=code, box=begun.now.box, kept=tuple(kept)
        )
        volume, packed, told = _answer(at, begun.then(step), kind, request)
        return volume, packed, told | way.told() | {"alpha": alpha}

    return _spoken(edited)


def volume_measure(file: FileData) -> dict[str, Any]:
    """Measure bone micro-architecture of a session's volume, or of an HR-pQCT scan in mg HA/cm³.

    Args:
        file: A session (JSON) or a scan.
    """
    path = session.sent(file)

    def measured() -> dict[str, Any]:
        if path.suffix.lower() == ".json":
            at, begun = _opened(file)
            return at.found(begun.now.code)[0].told()
        return VolumeEditor.measure(ScanViewer.open(session.check_upload(path)).volume).told()

    return _spoken(measured)


def volume_render(request: gr.Request, file: FileData, kind: Kind = "PNG") -> FileData:
    """Draw a session's volume: PNG, an MP4 of one turn, its surface, or its voxels. It is SIMULATED.

    Args:
        file: Session of the volume.
        kind: As for /volume_sample.
    """

    def drawn() -> FileData:
        at, begun = _opened(file)
        return _written(at, begun, kind, request)

    return _spoken(drawn)


ENDPOINTS = (
    volume_sample,
    volume_invert,
    volume_morph,
    volume_mix,
    volume_edit,
    volume_measure,
    volume_render,
)


def _spoken(action: Callable[[], T]) -> T:
    try:
        return action()
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _editor(model: str | None) -> VolumeEditor:
    return editor(VolumeEditor(model).card.id)


def _opened(file: FileData) -> tuple[VolumeEditor, Session]:
    begun = Session.open(session.check_upload(session.sent(file)))
    at = _editor(begun.model)
    at.check_session(begun)
    return at, begun


def _same(a: Session, b: Session) -> Session:
    if a.weights != b.weights:
        raise RequestError(f"The sessions were made with {a.model} and {b.model}; invert one anew.")
    return b


def _answer(at: VolumeEditor, begun: Session, kind: str, request: gr.Request) -> Answer:
    volume = _written(at, begun, kind, request)
    kept = begun.save(session.fresh_folder(request) / "volume.json")
    measured, realism = at.found(begun.now.code)
    told = {
        "notice": NOTICE,
        "model": begun.model,
        "step": begun.now.name,
        "measured": measured.told(),
        "realism": realism,
        "spacing_mm": at.model.spacing,
    }
    moved = at.kept(begun.before.code, begun.now)
    told |= {"keep": {one.name: one.told() for one in moved}} if moved else {}
    return volume, FileData(path=str(kept), orig_name=kept.name), told


def _written(at: VolumeEditor, begun: Session, kind: str, request: gr.Request) -> FileData:
    if kind not in KINDS or kind == "Session":
        raise RequestError(f"The kind is NIfTI, NPY, STL, PNG or MP4, not {kind!r}.")
    path = session.fresh_folder(request) / f"volume{KINDS[kind]}"
    export(at.cropped(at.draw(begun.now.code), begun.now), path)
    return FileData(path=str(path), orig_name=path.name)


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int | float) or number != int(number):
        raise RequestError(f"A whole number is needed, not {number!r}.")
    return int(number)

"""Paper 000, figure 5: a t-SNE map of real bones and of those that CAAE and BAPGAN draw.

As in the paper: 42 films of each age class, so 210 real, 210 by CAAE and 210 by BAPGAN; pixels in
[0, 1]; perplexity 50; 500 iterations (a quarter of them exaggerated, as in the original t-SNE).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import available
from bonestudio.errors import CheckpointError, RequestError, StorageError, TrainingError
from bonestudio.networks.bapgan_labels import CLASSES, SPAN
from bonestudio.training.growing import GrowingBone, GrowingFilms, growing_films, open_bones
from bonestudio.training.tables.agers import BAPGAN, CAAE, MANY, Ager, Films, as_unit
from bonestudio.training.virtual import OrderedPhantoms

EACH = 42  # films of each class
PERPLEXITY = 50.0
STEPS, EXAGGERATED = 500, 125
YOUNGEST = SPAN / CLASSES * np.arange(CLASSES)
NAMES = [f"{low:g}-{low + SPAN / CLASSES - 1:g}" for low in YOUNGEST]
COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#e8c500")  # viridis, its yellow darkened


@dataclass(frozen=True, kw_only=True)
class AgeMap:
    """Where each film lies: for each name films [n, size, size], classes [n], places [n, 2]."""

    title: str
    names: tuple[str, ...]
    films: tuple[Films, ...]
    classes: tuple[NDArray[np.int64], ...]
    places: tuple[NDArray[np.float64], ...]


def age_map(*, bone: str, data: str, seed: int) -> AgeMap:
    """Draw films by CAAE and BAPGAN (those that are there) at the five classes, beside real ones."""
    source = "phantom" if data == "phantom" else "rsna"
    named = [(model.name, model.checkpoint(bone, source)) for model in (CAAE, BAPGAN)]
    here = [(name, checkpoint) for name, checkpoint in named if available(checkpoint)]
    if not here:
        raise CheckpointError(f"There is none of {' or '.join(c for _, c in named)} to draw with.")
    films = _films(bone, data, seed)
    of_class = (films.ages.numpy() // (SPAN / CLASSES)).astype(np.int64)
    random = np.random.default_rng(seed)
    rows = [_some(np.flatnonzero(of_class == number), random) for number in range(CLASSES)]
    chosen = np.concatenate(rows)
    classes = np.repeat(np.arange(CLASSES), [len(some) for some in rows])
    real = films.pixels.numpy()[chosen]
    panels, labels = [real], [classes]
    for _, checkpoint in here:
        ager = Ager(checkpoint)
        others = random.permutation(len(films))[: len(classes)]  # bones of any age, made this old
        years = (YOUNGEST + SPAN / CLASSES / 2)[classes[: len(others)]].astype(np.float32)
        panels.append(ager.draw(films.pixels.numpy()[others], years, films.male.numpy()[others]))
        labels.append(classes[: len(others)])
    places = _laid_out(as_unit(np.concatenate(panels)), seed)
    ends = np.cumsum([len(panel) for panel in panels])[:-1]
    what = "virtual patients" if source == "phantom" else "real films"
    return AgeMap(
        title=f"t-SNE of {MANY[bone]} ({what}), perplexity {PERPLEXITY:g}, {STEPS} iterations",
        names=("real", *(name for name, _ in here)),
        films=tuple(panels),
        classes=tuple(labels),
        places=tuple(np.split(places, ends)),
    )


def write_map(found: AgeMap, out: Path, *, name: str) -> Path:
    """Write the map as <name>.png: dots coloured by age class over the bones themselves."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError("Maps need matplotlib: pip install 'bonestudio[study]'.") from error
    figure = Figure(figsize=(5 * len(found.names), 10.4), layout="constrained")
    panels: Any = figure.subplots(2, len(found.names), sharex=True, sharey=True, squeeze=False)
    everywhere = np.concatenate(found.places)
    thumb = np.ptp(everywhere, axis=0) / 30  # half a side, along either axis
    for column, title in enumerate(found.names):
        dots, bones = panels[0, column], panels[1, column]
        classes, places = found.classes[column], found.places[column]
        dots.set_title(f"{title} ({len(places)})")
        dots.scatter(*everywhere.T, s=4, color="#dddddd")
        for number in range(CLASSES):
            dots.scatter(
                *places[classes == number].T, s=16, color=COLOURS[number], label=NAMES[number]
            )
        for film, (x, y), number in zip(found.films[column], places, classes, strict=True):
            reach = (x - thumb[0], x + thumb[0], y - thumb[1], y + thumb[1])
            bones.imshow(film, cmap="gray", vmin=0, vmax=255, extent=reach, zorder=2)
            frame = np.array([reach[0], reach[1], reach[1], reach[0], reach[0]])
            rows = np.array([reach[2], reach[2], reach[3], reach[3], reach[2]])
            bones.plot(frame, rows, color=COLOURS[number], linewidth=0.8, zorder=3)
        low, high = everywhere.min(0) - 1.2 * thumb, everywhere.max(0) + 1.2 * thumb
        bones.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="auto")
        for axes in (dots, bones):
            axes.set_xticks([])
            axes.set_yticks([])
    panels[0, 0].legend(title="years", loc="best", fontsize=8)
    figure.suptitle(found.title)
    path = out / f"{name}.png"
    try:
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    except OSError as error:
        raise StorageError(f"The map cannot be written to {out}: {error.strerror}.") from error
    return path


def _films(bone: str, data: str, seed: int) -> GrowingFilms:
    """Read three fingers of all hands of a folder (few are young), or new virtual patients."""
    if data == "phantom":
        return growing_films(OrderedPhantoms(bone, 2 * CLASSES * EACH, seed=seed, ages=(0.0, 19.0)))
    return growing_films(open_bones(GrowingBone(source=data, bone=bone, fingers=(2, 3, 4))))  # type: ignore[arg-type]


def _some(rows: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(random.permutation(rows)[:EACH])


def _laid_out(films: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """Places [n, 2] of films whose pixels are in [0, 1]."""
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise TrainingError("Maps need openTSNE: pip install 'bonestudio[train]'.") from error
    flat = films.reshape(len(films), -1)
    if len(flat) < 3 * PERPLEXITY:
        raise RequestError(f"A map needs {3 * PERPLEXITY:g} films, not {len(flat)}.")
    layout = TSNE(
        perplexity=PERPLEXITY,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=STEPS - EXAGGERATED,
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(layout.fit(flat), np.float64)

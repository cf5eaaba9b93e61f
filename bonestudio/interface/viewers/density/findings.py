"""What is told of a hip, beside its film: the density, scores on a scale, regions, the neck's profile."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from bonestudio.instruments.density.estimator import NOTICE, Estimate, Value
from bonestudio.instruments.density.pictures import NAMES
from bonestudio.instruments.density.scores import EXPECTED, LOW, POROTIC, Score, Site
from bonestudio.instruments.density.truth import Compared

_WIDE: Final = 268  # px of the column
_SCALE: Final = (-5.0, 3.0)  # scores at the ends of a gauge
_ORDER: Final[tuple[Site, ...]] = ("total_hip", "neck")


def scores_html(found: Estimate | None) -> str:
    """Density with its interval and how it compares; or why none is told."""
    if found is None:
        return '<div class="dn-findings"></div>'
    if found.bmd is None:
        return (
            '<div class="dn-findings"><p class="dn-refused" role="status"><b>No density is told.</b> '
            f"{escape(found.domain.reason)}</p></div>"
        )
    parts = [_value(found.bmd)]
    if found.domain.verdict != "in-domain":
        parts.append(f'<p class="dn-doubt">{escape(found.domain.reason)}</p>')
    parts += [_gauge(site, found.scores[site]) for site in _ORDER]
    against = {score.against for score in found.scores.values()}
    parts += [
        f'<p class="dn-faint">Against {escape(one)}</p>' for one in sorted(against) if _told(found)
    ]
    return (
        f'<div class="dn-findings">{"".join(parts)}<p class="dn-notice">{escape(NOTICE)}</p></div>'
    )


def more_html(found: Estimate | None, compared: Compared | None = None) -> str:
    """Regions, the profile along the neck, and the error where a true map is known."""
    if found is None or found.bmd is None:
        return ""
    rows = {"Proximal femur": found.bmd, **{NAMES[site]: found.sites[site] for site in _ORDER}}
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{value.density:.2f}</td><td>{_interval(value)}</td></tr>"
        for name, value in rows.items()
    )
    table = (
        '<table class="dn-regions"><caption>g/cm², and the 90 % interval</caption>'
        f"<tbody>{lines}</tbody></table>"
    )
    profile = "" if found.profile is None else _profile(*(part.tolist() for part in found.profile))
    return f'<div class="dn-findings">{table}{_error(compared)}{profile}</div>'


def _told(found: Estimate) -> bool:
    return any(score.kind for score in found.scores.values())


def _value(value: Value) -> str:
    interval = f"<span>90 %: {_interval(value)}</span>" if value.interval else ""
    return (
        f'<p class="dn-value"><output>{value.density:.2f}</output> g/cm² {interval}</p>'
        '<p class="dn-faint">Mean over the proximal femur</p>'
    )


def _interval(value: Value) -> str:
    return "–" if value.interval is None else "{:.2f} to {:.2f}".format(*value.interval)


def _gauge(site: Site, score: Score) -> str:
    """Draw a score on its scale, with the bounds of the classes that it may be read by."""
    name = escape(NAMES[site])
    if score.kind is None or score.value is None:
        return (
            ""
            if site != _ORDER[0]
            else f'<p class="dn-faint">{escape(score.words)} {escape(score.against)}</p>'
        )
    low, high = score.interval or (score.value, score.value)
    bounds = (POROTIC, LOW) if score.kind == "T" else (EXPECTED,)
    words = f"{score.kind}-score {_signed(score.value)} ({_signed(low)} to {_signed(high)})"
    ticks = "".join(
        f'<path class="dn-bound" d="M{_x(at):.1f} 4V22"/><text x="{_x(at):.1f}" y="36">{_signed(at)}</text>'
        for at in bounds
    )
    drawing = (
        f'<svg viewBox="0 0 {_WIDE} 40" role="img" aria-label="{name}: {words}">'
        f'<path class="dn-axis" d="M0 13H{_WIDE}"/>{ticks}'
        f'<path class="dn-range" d="M{_x(low):.1f} 13H{_x(high):.1f}"/>'
        f'<circle cx="{_x(score.value):.1f}" cy="13" r="5"/></svg>'
    )
    shares = "".join(
        f'<div><dt>{escape(kind)}</dt><dd><i style="width:{100 * share:.0f}%"></i></dd><dd>{100 * share:.0f} %</dd></div>'
        for kind, share in score.classes.items()
    )
    classes = (
        f'<dl class="dn-classes" aria-label="Probability of each class">{shares}</dl>'
        if shares
        else ""
    )
    return (
        f'<section class="dn-score"><h2>{name} <span>{words}</span></h2>{drawing}'
        f"<p>{escape(score.words)}</p>{classes}</section>"
    )


def _error(compared: Compared | None) -> str:
    if compared is None:
        return ""
    apart = compared.found - compared.true
    return (
        f'<p class="dn-faint">True map: {compared.true:.2f} g/cm²; the estimate is '
        f"{abs(apart):.2f} g/cm² {'too high' if apart > 0 else 'too low'}.</p>"
    )


def _profile(places: Sequence[float], values: Sequence[float]) -> str:
    """Draw the density along the neck, from the head's centre outwards."""
    high, left, base = 96, 28, 78
    top = max(0.5, *values)
    farthest = max(places)
    spots = " ".join(
        f"{left + (_WIDE - left - 4) * x / farthest:.1f},{base - (base - 6) * y / top:.1f}"
        for x, y in zip(places, values, strict=True)
    )
    numbers: Mapping[float, float] = {0.0: base, float(top): 6}
    ticks = "".join(
        f'<text class="dn-end" x="24" y="{y + 4}">{at:.1f}</text>' for at, y in numbers.items()
    )
    return (
        '<h2 class="bs-heading">Along the neck</h2>'
        f'<svg class="dn-profile" viewBox="0 0 {_WIDE} {high}" role="img" aria-label="Density along the neck, '
        f'from {min(values):.2f} to {max(values):.2f} g/cm²"><path class="dn-axis" d="M{left} 6V{base}H{_WIDE - 4}"/>'
        f'<polyline points="{spots}"/>{ticks}<text class="dn-start" x="{left}" y="92">head’s centre, g/cm²</text>'
        f'<text class="dn-end" x="{_WIDE - 4}" y="92">{farthest:.1f} radii out</text></svg>'
    )


def _x(score: float) -> float:
    share = (score - _SCALE[0]) / (_SCALE[1] - _SCALE[0])
    return 6 + (_WIDE - 12) * min(1.0, max(0.0, share))


def _signed(score: float) -> str:
    return f"{score:+.1f}".replace("-", "\N{MINUS SIGN}")


def table_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Show the rows of a batch as a table."""
    lines = "".join(_row(row) for row in rows)
    head = "".join(
        f"<th>{name}</th>"
        for name in ("File", "Side", "Femur, g/cm²", "Total hip, g/cm²", "Neck, g/cm²", "What is told")
    )  # fmt: skip
    if not rows:
        return (
            '<div class="dn-table"><p>Choose films on the left; each becomes a row here.</p></div>'
        )
    return f'<div class="dn-table"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _row(row: Mapping[str, Any]) -> str:
    out = row["bmd_g_cm2"] is None
    said = row["reason"] if out else row["total_hip_words"]
    cells = [row["file"], {"L": "left", "R": "right", None: "–"}[row["side"]], _number(row, "bmd")]
    cells += [_site(row, site) for site in _ORDER] + [said or row["reason"]]
    inside = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f"<tr{' class=dn-out' if out else ''}>{inside}</tr>"


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row[f"{name}_g_cm2"]
    return "–" if value is None else f"{value:.2f}"


def _site(row: Mapping[str, Any], site: Site) -> str:
    score = row[f"{site}_score"]
    told = _number(row, site)
    return told if score is None else f"{told} ({row[f'{site}_score_kind']} {_signed(score)})"

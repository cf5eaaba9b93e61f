"""The report of a study: one HTML file with methods, tables as the papers have them, and figures.

It needs nothing but itself: figures are inline SVG, and a browser prints it to PDF.
"""

from collections.abc import Sequence
from html import escape
from math import isinf, isnan

from bonestudio.metrics.classification import Estimate
from bonestudio.turing import figures
from bonestudio.turing.analysis import Proportion
from bonestudio.turing.methods import methods_paragraph
from bonestudio.turing.results import Results

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1f24; background: #fff; font-variant-numeric: tabular-nums }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #d0d7de }
th:first-child, td:first-child { text-align: left } caption { text-align: left; color: #57606a }
.note { color: #57606a } svg { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none } }
"""


def to_html(results: Results, *, verified: Sequence[str], hidden: bool = False) -> str:
    """Lay a study out. ``verified`` are the findings of the log; ``hidden`` numbers the readers."""
    names = _names(results, hidden=hidden)
    integrity = (
        "The log of the study verifies: protocol, images and every answer are as they were written."
        if not verified
        else "The log does not verify. " + " ".join(verified)
    )
    parts = [
        f"<h1>{escape(results.protocol.title)}</h1>",
        f"<p class=note>Research use, not for diagnosis. {escape(integrity)}</p>",
        "<h2>Methods</h2>",
        f"<p>{escape(methods_paragraph(results))}</p>",
        "<h2>Results</h2>",
        *_sections(results, names),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(results.protocol.title)}</title><style>{_STYLE}</style>"
        + "".join(parts)
        + "</html>\n"
    )


def _sections(results: Results, names: dict[str, str]) -> list[str]:
    made = [_table_2(results, names), _table_3(results, names), _grades(results, names)]
    made += [_pooled(results), _equivalence(results, names), _agreement(results, names)]
    made += [_later(results, names), _subgroups(results, names)]
    made += [svg for svg in figures.draw(results, names) if svg]
    return [part for part in made if part]


def _table_2(results: Results, names: dict[str, str]) -> str:
    if not results.table_2:
        return ""
    titles = ("Reader", "Accuracy", "R as R", "R as S", "S as R", "S as S")
    rows = [
        (
            names[r.reader],
            _percent(r.accuracy.value),
            _percent(r.real_as_real.value),
            _percent(r.real_as_synthetic),
            _percent(r.synthetic_as_real),
            _percent(r.synthetic_as_synthetic.value),
        )
        for r in results.table_2
    ]
    detail = [
        (
            names[r.reader],
            _share(r.accuracy),
            _range(r.accuracy.clopper_pearson),
            _p(r.accuracy.p_chance),
            _number(r.detection.d_prime),
            _number(r.detection.criterion),
            _estimate(r.auc),
            f"{_seconds(r.seconds['real'])} / {_seconds(r.seconds['synthetic'])}",
        )
        for r in results.table_2
    ]
    heads = (
        "Reader",
        "Accuracy (Wilson)",
        "Clopper-Pearson",
        "p vs 50 %",
        "d′",
        "c",
        "AUC (DeLong)",
        "Median time, s (R / S)",
    )
    return _table("Real (R) against synthetic (S); 50 % is chance.", titles, rows) + _table(
        "The same with uncertainty.", heads, detail
    )


def _table_3(results: Results, names: dict[str, str]) -> str:
    if not results.table_3:
        return ""
    rows = [
        (
            names[r.reader],
            _percent(r.accuracy.value),
            _percent(r.progression.value),
            _percent(r.regression.value),
        )
        for r in results.table_3
    ]
    detail = [
        (
            names[r.reader],
            _share(r.accuracy),
            _range(r.accuracy.clopper_pearson),
            _p(r.accuracy.p_chance),
            _share(r.progression),
            _share(r.regression),
            f"{_seconds(r.seconds['progression'])} / {_seconds(r.seconds['regression'])}",
        )
        for r in results.table_3
    ]
    heads = (
        "Reader",
        "Accuracy (Wilson)",
        "Clopper-Pearson",
        "p vs 50 %",
        "Progression (Wilson)",
        "Regression (Wilson)",
        "Median time, s (P / R)",
    )
    return _table(
        "Which of two is older; 50 % is chance, 100 % is all changes recognised.",
        ("Reader", "Accuracy", "Progression", "Regression"),
        rows,
    ) + _table("The same with uncertainty.", heads, detail)


def _grades(results: Results, names: dict[str, str]) -> str:
    if results.grading is None:
        return ""
    rows = [
        (
            names[c.expert],
            c.score,
            _number(c.spearman),
            _p(c.p_spearman),
            _number(c.kendall),
            _p(c.p_kendall),
            str(c.n),
        )
        for c in results.grading.correlations
    ]
    between = [
        (f"{names[a]} – {names[b]} (weighted κ)", _number(kappa))
        for (a, b), kappa in results.grading.weighted_kappa.items()
    ]
    if between:
        between.append(("all (Krippendorff α, ordinal)", _number(results.grading.krippendorff)))
    between += [
        (f"{names[expert]} with himself or herself ({count} repeats, weighted κ)", _number(kappa))
        for expert, (kappa, count) in results.grading.oneself.items()
    ]
    return _table(
        "Grade (1 is best) against realism score.",
        ("Expert", "Score", "Spearman ρ", "p", "Kendall τ", "p", "N"),
        rows,
    ) + (_table("Agreement of experts.", ("Experts", "Value"), between) if between else "")


def _pooled(results: Results) -> str:
    rows = [
        (
            name,
            f"{p.readers}, {p.cases}",
            f"{p.estimate:.3f}",
            _number(p.standard_error, 3),
            _number(p.degrees_of_freedom, 1),
            _range((p.low, p.high)),
            _p(p.p_chance),
        )
        for name, p in (("Accuracy", results.pooled), ("AUC", results.pooled_auc))
        if p is not None
    ]
    if not rows:
        return ""
    return _table(
        "All readers (Obuchowski-Rockette; readers and cases random).",
        ("Measure", "Readers, cases in common", "Mean", "SE", "df", "95 % interval", "p vs 0.5"),
        rows,
    )


def _equivalence(results: Results, names: dict[str, str]) -> str:
    tests = [(names[reader], test) for reader, test in results.equivalence]
    if results.pooled_equivalence:
        tests.append(("all readers", results.pooled_equivalence))
    if not tests:
        return ""
    rows = [
        (
            name,
            f"±{100 * t.margin:g} points",
            _p(t.p),
            "equivalent" if t.equivalent else "not shown",
        )
        for name, t in tests
    ]
    return _table(
        "Equivalence with guessing (two one-sided tests).",
        ("Reader", "Margin", "p", "Verdict"),
        rows,
    )


def _agreement(results: Results, names: dict[str, str]) -> str:
    rows = []
    if results.agreement:
        rows += [
            (f"{names[a]} – {names[b]} (Cohen κ)", _estimate(k))
            for (a, b), k in results.agreement.pairs.items()
        ]
        rows.append(("all (Fleiss κ)", _number(results.agreement.fleiss)))
        rows.append(("all (Krippendorff α)", _number(results.agreement.krippendorff)))
    rows += [
        (f"{names[r]} with himself or herself ({k.n} repeats)", _estimate(k))
        for r, k in results.oneself
    ]
    rows += [
        (f"{names[one.reader]}, reading {one.round} with the first (Cohen κ)", _estimate(one.kappa))
        for one in results.later
    ]
    return _table("Agreement on what was said.", ("Readers", "Value"), rows) if rows else ""


def _later(results: Results, names: dict[str, str]) -> str:
    rows = [
        (names[one.reader], str(one.round), _share(one.accuracy), _p(one.accuracy.p_chance))
        for one in results.later
    ]
    titles = ("Reader", "Reading", "Accuracy (Wilson)", "p vs 50 %")
    return _table("Readings after the washout.", titles, rows) if rows else ""


def _subgroups(results: Results, names: dict[str, str]) -> str:
    if not results.subgroups:
        return ""
    rows = [(names[s.reader], s.group, _share(s.accuracy), _p(s.p_holm)) for s in results.subgroups]
    return _table("Subgroups.", ("Reader", "Subgroup", "Accuracy", "p (Holm)"), rows)


def _names(results: Results, *, hidden: bool) -> dict[str, str]:
    readers = [r.reader for r in results.reads] or list(
        results.grading.grades if results.grading else ()
    )
    return {name: f"Reader {i}" if hidden else name for i, name in enumerate(readers, start=1)}


def _table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope=col>{escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _percent(value: float) -> str:
    return "–" if isnan(value) else f"{100 * value:.0f}%"


def _number(value: float, digits: int = 2) -> str:
    return "–" if isnan(value) else "∞" if isinf(value) else f"{value:.{digits}f}"


def _seconds(value: float) -> str:
    return _number(value, 1)


def _estimate(e: Estimate) -> str:
    return _number(e.value) if isnan(e.low) else f"{e.value:.2f} ({e.low:.2f}–{e.high:.2f})"


def _share(p: Proportion) -> str:
    return f"{_percent(p.value)} ({_range(p.wilson)}, {p.k}/{p.n})"


def _range(interval: tuple[float, float]) -> str:
    return "–" if isnan(interval[0]) else f"{interval[0]:.2f}–{interval[1]:.2f}"


def _p(value: float) -> str:
    return "–" if isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"

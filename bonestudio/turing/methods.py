"""The methods paragraph of a report: what was done, in sentences that a reviewer can check."""

from bonestudio.turing.audit import LIMIT, not_audited
from bonestudio.turing.protocol import Protocol
from bonestudio.turing.results import Results

TASKS = {
    "real-or-synthetic": "each image was called real or synthetic",
    "older-of-two": "of each pair, an original and its age-progressed or -regressed version, the older bone was named",
    "grading": "each image was graded from 1 (best) to 5 by sharpness, valid image area, artefacts, contours and repetitive patterns",
}


def methods_paragraph(results: Results) -> str:
    """Describe design, blinding and analysis."""
    protocol = results.protocol
    return " ".join([*_design(protocol), *_blinding(protocol), *_analysis(results)])


def _design(protocol: Protocol) -> list[str]:
    questions = protocol.questions
    counts = {
        t: sum(i.truth == t for i in questions) for t in dict.fromkeys(i.truth for i in questions)
    }
    classes = ", ".join(f"{n} {truth}" for truth, n in counts.items() if truth != "none")
    sentences = [
        f"In this reader study {TASKS[protocol.kind]} ({len(questions)} items{': ' + classes if classes else ''}).",
        (
            f"The protocol was frozen before the first read (SHA-256 {protocol.hash[:16]}…), with the "
            f"primary endpoint: {protocol.primary_endpoint}."
        ),
    ]
    if protocol.rounds > 1:
        sentences.append(
            f"There were {protocol.rounds} readings with a washout of {protocol.washout_days:g} days."
        )
    practice = sum(item.practice for item in protocol.items)
    if practice:
        sentences.append(f"{practice} practice items came first and were not analysed.")
    return sentences


def _blinding(protocol: Protocol) -> list[str]:
    sentences = [
        "Items were shown in an order drawn for each reader from a secret seed committed to in the "
        "protocol, classes balanced in permuted blocks"
        + (", sides of pairs balanced" if protocol.kind == "older-of-two" else "")
        + f", with {protocol.repeats:.0%} hidden repeats.",
        (
            "All images were windowed, resized and encoded by one path and sent without names or "
            "metadata; readers had no feedback and could not return to an answered item."
        ),
    ]
    if protocol.audit:
        worst = max(protocol.audit, key=lambda name: protocol.audit[name])
        sentences.append(
            "Before the start, trivial classifiers on file size, histogram, border and spectrum "
            f"reached a cross-validated AUC of at most {protocol.audit[worst]:.2f} ({worst})."
        )
    else:
        sentences.append(f"No leak audit was made: {not_audited(protocol.items)}.")
    if protocol.audit_override and any(auc > LIMIT for auc in protocol.audit.values()):
        sentences.append(f"The investigator overrode the audit: {protocol.audit_override}")
    return sentences


def _analysis(results: Results) -> list[str]:
    protocol = results.protocol
    if protocol.kind == "grading":
        return [
            (
                "Grades were compared with automatic realism scores by Spearman's ρ and Kendall's τ, and "
                "between experts, and between an expert and his hidden repeats, by quadratically weighted "
                "κ and Krippendorff's ordinal α; p-values are not adjusted for their number."
            )
        ]
    sentences = [
        (
            "Shares are given with Wilson and Clopper-Pearson 95 % intervals and tested against 50 % by "
            "the exact two-sided binomial test; d′ and criterion follow the log-linear rule (Hautus "
            "1995); areas under the ROC curve of the graded confidence have DeLong's intervals."
        )
    ]
    if results.pooled:
        sentences.append(
            "Readers were pooled by the Obuchowski-Rockette model with Hillis' degrees of freedom, "
            "readers and cases random and the variance of readers held at zero or more; a binomial test over all reads was not used, since reads of "
            "one case are correlated. Agreement is given as Cohen's, Fleiss' κ and Krippendorff's α."
        )
    if results.equivalence:
        sentences.append(
            f"Equivalence with 50 % was tested by two one-sided tests with a margin of "
            f"±{100 * protocol.margin:g} points at α = {protocol.alpha:g}, set before the study; "
            "the absence of a significant difference was not taken for equivalence."
        )
    if results.oneself:
        sentences.append("Agreement of a reader with himself is Cohen's κ over the hidden repeats.")
    if results.later:
        sentences.append(
            "The first reading is the analysis; later ones are given beside it, with Cohen's κ."
        )
    if results.subgroups:
        sentences.append("p-values of subgroups were adjusted by Holm's method.")
    return sentences

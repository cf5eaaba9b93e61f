"""Which of a DICOM file's tags are kept (a handful) and what kinds of others are dropped."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from bonestudio.imaging import labels

# Kinds of information by keyword, for telling a person what was left behind; values are never read.
_KINDS = {
    "PatientName": "patient name",
    "OtherPatientNames": "patient name",
    "PatientMotherBirthName": "patient name",
    "PatientBirthName": "patient name",
    "PatientID": "patient number",
    "OtherPatientIDs": "patient number",
    "IssuerOfPatientID": "patient number",
    "AccessionNumber": "accession number",
    "PatientBirthDate": "birth date",
    "PatientBirthTime": "birth date",
    "PatientAddress": "address and contact",
    "PatientTelephoneNumbers": "address and contact",
    "EthnicGroup": "ethnic group",
    "Occupation": "occupation",
    "PatientComments": "comments",
    "ImageComments": "comments",
    "StudyDescription": "descriptions",
    "SeriesDescription": "descriptions",
    "InstitutionName": "institution",
    "InstitutionAddress": "institution",
    "InstitutionalDepartmentName": "institution",
    "StationName": "device",
    "DeviceSerialNumber": "device",
    "Manufacturer": "device",
    "ManufacturerModelName": "device",
    "StudyID": "study number",
    "PatientWeight": "height and weight",
    "PatientSize": "height and weight",
    "MedicalAlerts": "medical history",
    "AdditionalPatientHistory": "medical history",
}
_BY_TYPE = {
    "PN": "names of people",
    "DA": "dates and times",
    "DT": "dates and times",
    "TM": "dates and times",
    "UI": "identifiers (UIDs)",
}
# UIDs that name a format, not a patient's study.
_FORMAT_UIDS = {"SOPClassUID", "TransferSyntaxUID", "MediaStorageSOPClassUID"}
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


def kept(ds: Dataset) -> dict[str, Any]:
    """Return what a label holds: view, laterality, age, sex; unreadable tags count as absent."""
    return {
        "view": labels.view(text(ds, "ViewPosition")),
        "laterality": labels.laterality(text(ds, "ImageLaterality") or text(ds, "Laterality")),
        "age": _age(ds),
        "sex": labels.sex(text(ds, "PatientSex")),
    }


def dropped(ds: Dataset) -> tuple[str, ...]:
    """Name the kinds of information that stay behind."""
    kinds = set()
    for element in ds.iterall():
        if element.tag.is_private:
            kinds.add("private tags")
        elif element.is_empty or element.keyword in _FORMAT_UIDS:
            continue
        elif kind := _KINDS.get(element.keyword) or _BY_TYPE.get(str(element.VR)):
            kinds.add(kind)
    if any(group & 0xFF00 == 0x6000 for group in ds.group_dataset(0x6000).keys() or ()):
        kinds.add("overlays")
    return tuple(sorted(kinds))


def text(ds: Dataset, keyword: str) -> str | None:
    """Return a tag as text, or None."""
    value = ds.get(keyword)
    return None if value is None else str(value)


def number(ds: Dataset, keyword: str) -> float | None:
    """Return the first number of a tag, or None."""
    found = numbers(ds, keyword)
    return found[0] if found else None


def numbers(ds: Dataset, keyword: str) -> list[float]:
    """Return the numbers of a tag; none when it is absent or holds anything else."""
    value = ds.get(keyword)
    if value is None:
        return []
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        return []


def _age(ds: Dataset) -> float | None:
    """PatientAge ('012Y', '008M'), or the years between birth and study; the dates are dropped."""
    told = (text(ds, "PatientAge") or "").strip().upper()
    if told[:-1].isdigit() and told[-1:] in _YEARS:
        return labels.age(int(told[:-1]) * _YEARS[told[-1]])
    days = [_day(text(ds, key)) for key in ("PatientBirthDate", "StudyDate")]
    if days[0] and days[1]:
        return labels.age((days[1] - days[0]).days / 365.25)
    return None


def _day(value: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat((value or "").replace(".", ""))
    except ValueError:
        return None

"""NIfTI-1 and -2, packed or not, through nibabel.

nibabel's arrays run [x, y, z] with an affine to (R, A, S); the studio's run [slices, rows,
columns] towards (S, P, L). A file with neither qform nor sform stays as it is stored.
"""

import gzip
import io
import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.orientation import to_standard
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.types import Volume

# Deflate cannot pack more than 1032 bytes into one.
_DEFLATE = 1032
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


def volume(path: Path) -> Reading[Volume]:
    """Read a three-dimensional NIfTI image (two dimensions are one slice)."""
    size = path.stat().st_size
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        kind = nib.Nifti2Image if _is_second(file) else nib.Nifti1Image
        header = kind.header_class.from_fileobj(file, check=False)
        shape = _shape(header)
        offset = max(int(header["vox_offset"]), int(header["sizeof_hdr"]) + 4)
        need = offset + math.prod(shape) * header.get_data_dtype().itemsize
        limits.check_payload(need, size * _DEFLATE if packed else size)
        limits.check_volume(shape[::-1])
        file.seek(offset)
        data = file.read(need - offset)
        limits.check_payload(need - offset, len(data))
    stored = np.frombuffer(data, header.get_data_dtype()).reshape(shape, order="F")
    return _finish(stored, header)


def encode(image: Volume, *, packed: bool) -> bytes:
    """NIfTI-1 float32; the affine says (S, P, L) so that other tools show it the right way up."""
    steps = image.spacing or (1.0, 1.0, 1.0)
    affine = np.diag([-steps[2], -steps[1], steps[0], 1.0])
    out = nib.Nifti1Image(np.asarray(image.voxels, np.float32).transpose(2, 1, 0), affine)
    out.header.set_xyzt_units("mm" if image.spacing else "unknown")
    out.set_sform(affine, code=1 if image.spacing else 2)
    out.set_qform(affine, code=1 if image.spacing else 2)
    out.header["descrip"] = labels.NOTICE.encode("ascii")
    extension = nib.nifti1.Nifti1Extension("comment", labels.volume_label(image).encode("ascii"))
    out.header.extensions.append(extension)
    plain = out.to_bytes()
    if not packed:
        return bytes(plain)
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=4, mtime=0) as file:
        file.write(plain)
    return stream.getvalue()


def _is_second(file: Any) -> bool:
    start = file.read(4)
    file.seek(0)
    return (540).to_bytes(4, "little") in {start, start[::-1]}


def _shape(header: Any) -> tuple[int, int, int]:
    if header["magic"].item()[:2] == b"ni":
        raise ImageError(
            "The voxels are in another file (.img); save header and voxels as one .nii."
        )
    shape = [int(n) for n in header.get_data_shape()]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise ImageError(
            f"The NIfTI file holds {math.prod(shape[3:])} volumes; save one of them alone."
        )
    shape += [1] * (3 - len(shape))
    if min(shape) < 1:
        raise ImageError("The NIfTI header gives no size; export the volume again.")
    return shape[0], shape[1], shape[2]


def _finish(stored: np.ndarray, header: Any) -> Reading[Volume]:
    scale = _MM.get(int(header["xyzt_units"]) & 7, 1.0)
    steps = [abs(float(v)) * scale for v in header["pixdim"][3:0:-1]]
    voxels, order = stored.transpose(2, 1, 0), (0, 1, 2)
    if header["qform_code"] > 0 or header["sform_code"] > 0:
        # Columns of the affine are the steps along x, y, z in (R, A, S).
        columns = header.get_best_affine()[:3, :3].T
        voxels, order = to_standard(stored, columns * (-1, -1, 1))
        order = (2 - order[0], 2 - order[1], 2 - order[2])
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    label, dropped = _texts(header)
    image = labels.volume(
        greys.to_voxels(voxels, slope=slope, intercept=intercept),
        spacing=[steps[n] for n in order] if not label or label.get("spacing") else None,
        label=label,
    )
    return Reading(image=image, detail=str(header.get_data_dtype()), dropped=dropped)


def _texts(header: Any) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    label = None
    dropped = set()
    for extension in getattr(header, "extensions", ()):
        found = labels.parse(bytes(extension.content).rstrip(b"\0"))
        label = found or label
        if not found:
            dropped.add("extensions")
    for key in ("descrip", "db_name", "intent_name", "aux_file"):
        if key in header and header[key].item().strip(b"\0 ") and not label:
            dropped.add("text fields")
    return label, tuple(sorted(dropped))

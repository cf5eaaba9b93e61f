"""A surface as GLB (glTF 2.0, binary), which browsers, slides and headsets show; in metres, y upward."""

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _TRIANGLES = 34962, 34963  # what a buffer view is for
_IVORY = [0.81, 0.76, 0.61, 1.0]  # linear


def glb_of(
    points: Float[NDArray[np.floating[Any]], "n 3"],
    normals: Float[NDArray[np.floating[Any]], "n 3"],
    triangles: Int[NDArray[np.integer[Any]], "m 3"],
) -> bytes:
    """Pack a surface whose points are in mm (x left, y back, z head) and whose normals look outward."""
    places, outward = (_upright(points) / 1000).astype("<f4"), _upright(normals).astype("<f4")
    corners = np.ascontiguousarray(triangles, "<u4")
    parts = [
        places.tobytes(),
        outward.tobytes(),
        corners.tobytes(),
    ]  # lengths are multiples of four
    starts = np.cumsum([0, *map(len, parts)])
    told = {
        "asset": {"version": "2.0", "generator": "Bone Studio"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "bone"}],
        "materials": [
            {"pbrMetallicRoughness": {"baseColorFactor": _IVORY, "metallicFactor": 0.0, "roughnessFactor": 0.7}}
        ],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}
        ],
        "accessors": [
            {"bufferView": 0, "componentType": _FLOAT, "count": len(places), "type": "VEC3",
             "min": places.min(0).tolist(), "max": places.max(0).tolist()},
            {"bufferView": 1, "componentType": _FLOAT, "count": len(outward), "type": "VEC3"},
            {"bufferView": 2, "componentType": _UINT32, "count": corners.size, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(start), "byteLength": len(part), "target": target}
            for start, part, target in zip(
                starts, parts, (_VERTICES, _VERTICES, _TRIANGLES), strict=False
            )
        ],
        "buffers": [{"byteLength": int(starts[-1])}],
    }  # fmt: skip
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = _chunk(b"JSON", text) + _chunk(b"BIN\0", b"".join(parts))
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def _upright(vectors: NDArray[Any]) -> NDArray[Any]:
    """Turn z up into y up."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def _chunk(kind: bytes, held: bytes) -> bytes:
    return struct.pack("<I", len(held)) + kind + held

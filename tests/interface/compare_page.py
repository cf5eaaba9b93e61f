"""Two linked viewers, a difference map, a viewer without its library: python compare_page.py PORT."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gradio as gr
import numpy as np

from bonestudio.imaging.types import Volume
from bonestudio.interface import fetch_viewer, session
from bonestudio.interface.viewers.volume import picture, volume_viewer


def ramp() -> Volume:
    """A block of bone (700 HU) in air, its front left head corner brighter."""
    voxels = np.full((24, 28, 32), -900, np.float32)
    voxels[4:20, 4:24, 4:28] = 700
    voxels[12:20, 4:12, 18:28] = 1200
    return Volume(voxels=voxels, spacing=(1.0, 1.0, 1.0), unit="HU")


def changed() -> Volume:
    """More on the patient's left, less on the right."""
    before = ramp()
    voxels = before.voxels.copy()
    voxels[:, :, 20:28] += 300
    voxels[:, :, 4:12] -= 300
    return replace(before, voxels=voxels)


def main() -> None:
    root = session.open_folder()

    def shown(**options: Any) -> dict:
        return picture(folder=Path(tempfile.mkdtemp(dir=root)), **options)

    def all_three() -> tuple[dict, ...]:
        return (
            shown(volume=ramp(), oriented=True),
            shown(volume=changed(), before=ramp(), badge="Simulated"),
            shown(volume=ramp()),
        )

    with gr.Blocks(analytics_enabled=False) as page:
        with gr.Row():
            left = volume_viewer(name="left", group="compare")
            right = volume_viewer(name="right", group="compare")
        with patch.object(fetch_viewer, "library", return_value=None):
            bare = volume_viewer(name="bare")
        gr.Button("Show").click(all_three, None, [left, right, bare], api_visibility="private")
    page.launch(server_port=int(sys.argv[1]), ssr_mode=False, quiet=True, css=".bv {height: 560px}")


if __name__ == "__main__":
    main()

"""Pictures stay what they were: 8 × 8 block means of small films, to two grey levels of 255.

A change that is meant to change pictures brings new numbers: run this file as a script for them.
"""

import numpy as np
import pytest

from bonestudio.phantoms.forearm import render_forearms
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.hand import render_hands
from bonestudio.phantoms.hardware import Hardware
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.wrist import render_wrists

PERSON = [VirtualPatient(2026, "F")]

FILMS = {
    "hand_3": lambda: render_hands(PERSON, [3.0], height=128, style="synthetic"),
    "hand_12_natural": lambda: render_hands(PERSON, [12.0], height=128),
    "wrist_pa": lambda: render_wrists(PERSON, "PA", size=128, style="synthetic"),
    "wrist_broken": lambda: render_wrists(
        PERSON, "LL", size=128, fracture=Fracture(level=0.9, direction=90.0, angulation=20.0)
    ),
    "forearm_plate": lambda: render_forearms(PERSON, "PA", size=128, hardware=Hardware()),
}

GOLDEN = {
    "hand_3": "00000000000000000001071307060000000d1d231a07000000172d332f08120000054654423307000000345e5822000000000b5d5a0500000000076469020000",
    "hand_12_natural": "0f0d0d0d0d0d0d2c0d0a15271612092a0d1d363f33120a2b0d2c56645a18232b0d3b7fa0795a102b0d0f56c2b6360a2b0c0a1fbfa70b092c0d0b1bb5a80c0b2c",
    "wrist_pa": "003b53514f173f0c002e606261572d000020635e693c0300001757555b0a000000155f665e020000001466674f0000000022626b47000000003661743f000000",
    "wrist_broken": "1313144a318a21131313134372841b131323133ca0521713137614378a22131313271553911913131313166b7b141313131318756d15131313131b8375181313",
    "forearm_plate": "0808081d4f1b0808080808294c0c08080808083757090808140f084f700808081211106e700808080808208c4a0808080808409d39080808080861a91a080808",
}


def blocks(phantom):
    pixels = phantom.image.pixels
    rows, columns = (n // 8 * 8 for n in pixels.shape)
    cut = pixels[:rows, :columns].reshape(8, rows // 8, 8, columns // 8)
    return np.round(cut.mean((1, 3)) * 255).astype(np.uint8)


@pytest.mark.parametrize("name", sorted(FILMS))
def test_film_is_what_it_was(name):
    was = np.frombuffer(bytes.fromhex(GOLDEN[name]), np.uint8).reshape(8, 8).astype(int)
    assert np.abs(blocks(FILMS[name]()[0]).astype(int) - was).max() <= 2


if __name__ == "__main__":
    for name, film in FILMS.items():
        print(f'    "{name}": "{blocks(film()[0]).tobytes().hex()}",')

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "benchmarks")]


@pytest.fixture(scope="session")
def real_images():
    """The folder of real images, which is not part of the repository."""
    folder = HERE.parents[2] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not here")
    return folder

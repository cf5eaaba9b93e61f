"""torchvision imports in a fresh process, whichever build of it stands beside torch."""

import subprocess
import sys


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


def test_torchvision_and_timm_import_in_a_fresh_process():
    done = _run(
        "from bonestudio.vision import timm, torchvision;"
        "import torch;"
        "from torchvision.transforms import v2;"
        "assert v2.functional.horizontal_flip(torch.arange(4.).view(1, 2, 2)).flatten().tolist() == [1., 0., 3., 2.];"
        "print(timm.create_model('resnet10t', num_classes=1).eval()(torch.zeros(1, 3, 32, 32)).shape)"
    )
    assert done.returncode == 0, done.stderr
    assert "torch.Size([1, 1])" in done.stdout


def test_a_healthy_torchvision_is_left_alone():
    # A module that is already imported stands for an install whose operators load.
    done = _run(
        "import sys, types; whole = types.ModuleType('torchvision');"
        "sys.modules['torchvision'] = whole;"
        "import bonestudio.vision as v; assert v.torchvision is whole;"
        "assert 'torch' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_another_failure_of_torchvision_is_not_hidden(tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('disk on fire')")
    done = _run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import bonestudio.vision")
    assert done.returncode != 0
    assert "disk on fire" in done.stderr

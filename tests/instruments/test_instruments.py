"""The room itself: the classes that it hands out, and folders that say what is in them."""

import ast
from pathlib import Path

import pytest

from bonestudio import instruments

FOLDERS = sorted(path.parent for path in Path(instruments.__file__).parent.glob("*/__init__.py"))


@pytest.mark.parametrize("name", instruments.__all__)
def test_every_name_is_the_class_of_that_name(name):
    assert getattr(instruments, name).__name__ == name


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'BoneSegmentor'"):
        _ = instruments.BoneSegmentor


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_names_each_of_its_files(folder):
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files
    assert [name for name in sorted(files) if f"``{name}``" not in told] == []

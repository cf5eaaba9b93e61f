"""The named endpoints, as other programs reach them."""

import http.client
import json
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(studio: str):
    return Client(studio, verbose=False, analytics_enabled=False)


def test_inspect_a_film(client: Client, dicom_file: Path) -> None:
    found = client.predict(file=handle_file(str(dicom_file)), api_name="/inspect")
    expected = {
        "height": 300,
        "width": 200,
        "spacing": [0.5, 0.25],
        "view": "PA",
        "laterality": "L",
        "age": 57,
        "sex": "F",
    }
    assert {key: found[key] for key in expected} == expected
    assert any("patient" in kind.lower() for kind in found["left_out"])
    assert "Mustermann" not in json.dumps(found)


def test_inspect_refuses_with_a_sentence(client: Client, tmp_path: Path) -> None:
    letter = tmp_path / "letter.png"
    letter.write_text("Dear colleague", encoding="utf-8")
    with pytest.raises(AppError, match="not an image that Bone Studio reads"):
        client.predict(file=handle_file(str(letter)), api_name="/inspect")
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(AppError, match="empty"):
        client.predict(file=handle_file(str(empty)), api_name="/inspect")


def test_inspect_cannot_be_pointed_at_the_server_s_own_files(studio: str) -> None:
    """A path that was not uploaded is refused, so nothing of the server's disk is read or deleted."""
    here = Path(__file__)
    body = json.dumps(
        {"data": [{"path": str(here), "meta": {"_type": "gradio.FileData"}}]}
    ).encode()
    request = urllib.request.Request(
        f"{studio}/gradio_api/call/inspect", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{studio}/gradio_api/call/inspect/{event}") as answer:
        told = answer.read().decode()
    assert "event: error" in told
    assert here.is_file()


def test_one_film_opened_by_many_at_once(client: Client, dicom_file: Path) -> None:
    """Equal uploads are files of their own: nobody's is deleted under another."""
    film = handle_file(str(dicom_file))
    jobs = [client.submit(file=film, api_name="/inspect") for _ in range(8)]
    assert [job.result()["height"] for job in jobs] == [300] * 8


@pytest.mark.parametrize(
    "place",
    [
        "gradio_api/file=/etc/hostname",
        "gradio_api/file=../../../../../../etc/hostname",
        f"gradio_api/file={ROOT}/app.py",
        f"gradio_api/file={ROOT}/.git/config",
        f"gradio_api/file={ROOT}/checkpoints",
        f"gradio_api/file={ROOT}/bonestudio/interface/assets/..%2F..%2Ferrors.py",
        "gradio_api/file=http://127.0.0.1:9/film.png",
        "gradio_api/proxy=http://127.0.0.1:9/film.png",
        "read/assets/viewers/..%2F..%2F..%2F..%2Ferrors.py",
        "museum/..%2F..%2Ferrors.py",
        "static/..%2F..%2F..%2Fetc%2Fhostname",
        "gradio_api/runs",
        "gradio_api/vibe-code",
        "monitoring/summary",
    ],
)
def test_nothing_else_of_the_disk_is_served(studio: str, place: str) -> None:
    status, _ = asked(studio, f"/{place}")
    assert status in {400, 403, 404}


def test_a_page_of_another_name_is_refused(studio: str) -> None:
    """A name that someone makes point here is not the studio's own (DNS rebinding)."""
    assert asked(studio, "/config", Host="studio.example:7860")[0] == 400
    assert asked(studio, "/config", Host="localhost:7860")[0] == 200


def asked(studio: str, path: str, **headers: str) -> tuple[int, bytes]:
    """Ask for a path as it stands: clients would tidy it up before they send it."""
    connection = http.client.HTTPConnection(studio.removeprefix("http://"), timeout=30)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def test_endpoints_are_typed_and_documented(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    inspect = endpoints["/inspect"]
    assert [parameter["parameter_name"] for parameter in inspect["parameters"]] == ["file"]
    assert "patient data is dropped" in inspect["description"]
    assert all(not name.startswith(("/lambda", "/safe", "/open_", "/save_")) for name in endpoints)


def test_inspect_is_an_mcp_tool(studio: str) -> None:
    with urllib.request.urlopen(f"{studio}/gradio_api/mcp/schema") as answer:
        tools = json.load(answer)
    (inspect,) = [tool for tool in tools if tool["name"].endswith("inspect")]
    assert "patient data is dropped" in inspect["description"]
    assert list(inspect["inputSchema"]["properties"]) == ["file"]

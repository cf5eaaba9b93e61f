"""What becomes of a visitor's uploads."""

from bonestudio.interface import session


def test_an_upload_is_deleted_once_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    sent = tmp_path / "uploads" / "one" / "film.png"
    beside, outside = sent.with_name("beside.png"), tmp_path / "own.png"
    sent.parent.mkdir(parents=True)
    for file in (sent, beside, outside):
        file.write_bytes(b"film")
    session.delete_upload(sent)
    assert not sent.exists()
    assert beside.exists()  # its folder is kept as long as it holds something
    for _ in range(2):  # a second click, or another event, deletes the same file again
        session.delete_upload(beside)
        assert not sent.parent.exists()
    session.delete_upload(outside)
    assert outside.exists()
    assert (tmp_path / "uploads").exists()

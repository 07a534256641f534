"""The command line: a photo that cannot be converted does not stop the others."""

import tracemalloc
from pathlib import Path

from colorize_service.cli import photos
from colorize_service.cli.files import Writer
from colorize_service.cli.tasks import Task
from tests.support.command import names
from tests.support.pictures.jpegs import jpeg_header


def test_broken_photos_do_not_stop_the_others_and_are_named_at_the_end(colorize, tmp_path, gray_jpeg):
    for name, content in {"a.jpg": gray_jpeg, "b.jpg": gray_jpeg[:3000], "c.jpg": b"", "d.jpg": gray_jpeg}.items():
        (tmp_path / name).write_bytes(content)
    done = colorize("a.jpg", "b.jpg", "c.jpg", "d.jpg", "missing.jpg", "--jobs", "1")
    assert done.returncode == 1 and done.stdout == "a-color.jpg\nd-color.jpg\n"
    *sentences, last = done.stderr.splitlines()
    assert [line.split(":")[0] for line in sentences] == ["b.jpg", "c.jpg", "missing.jpg"]
    assert sentences[1] == "c.jpg: The file is empty."
    assert last == "2 of 5 photos colorized, 3 failed: b.jpg, c.jpg, missing.jpg"


def attempted(source: Path, seen: list[bytes]) -> str | None:
    """What the command says of one photo; what would be colorized goes to ``seen``."""
    task = Task(source, source.with_name("result.jpg"))
    return photos.attempt(lambda data: seen.append(data) or b"result", Writer(force=True), task).problem


def test_a_small_photo_is_read_where_memory_is_scarce(photo):
    seen = []
    tracemalloc.start()
    try:
        assert attempted(photo, seen) is None and seen == [photo.read_bytes()]
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_over_the_limit_in_bytes_is_refused_unread_and_one_at_the_limit_is_not(tmp_path, monkeypatch):
    assert photos.MAX_BYTES == 2**30
    monkeypatch.setattr(photos, "MAX_BYTES", 3_000_000)
    path, seen = tmp_path / "photo.jpg", []
    path.write_bytes(bytes(3_000_001))
    assert attempted(path, seen) == "The file is too large: at most 3,000,000 bytes are accepted."
    assert names(tmp_path) == ["photo.jpg"] and not seen
    path.write_bytes(bytes(3_000_000))
    assert attempted(path, seen) is None and seen == [bytes(3_000_000)]


def test_a_source_without_end_is_refused_once_it_is_over_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "MAX_BYTES", 3_000_000)
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    assert "too large" in attempted(tmp_path / "endless.jpg", [])


def test_a_photo_over_the_limit_in_pixels_is_refused_and_one_at_the_limit_is_not(colorize, tmp_path):
    for name, height in (("over", 10_001), ("at", 10_000)):
        (tmp_path / f"{name}.jpg").write_bytes(jpeg_header(25_000, height)[:-40])
    done = colorize("over.jpg", "at.jpg", "--jobs", "1")
    over, at = done.stderr.splitlines()[:2]
    assert done.returncode == 1
    assert over.startswith("over.jpg: ") and "250,025,000" in over and "250,000,000" in over
    assert at.startswith("at.jpg: The JPEG is cut off: ")


def test_a_full_disk_is_said_and_leaves_nothing(colorize, photo, small_disk):
    (small_disk / "filler").write_bytes(bytes(2**20 - 8192))
    done = colorize("photo.jpg", "-o", str(small_disk))
    assert done.returncode == 1
    assert done.stderr == f"photo.jpg: {small_disk}/photo-color.jpg cannot be written: No space left on device.\n"
    assert names(small_disk) == ["filler"]

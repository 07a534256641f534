"""Random and mutated forms, cut anywhere, against a second reader: the same fields, or both refuse."""

import io
import re
import tracemalloc
from collections.abc import Callable

import multipart
import pytest
from hypothesis import example, given, strategies
from werkzeug.exceptions import HTTPException

from colorize_service.options import OPTIONS
from colorize_service.server.form import MOST_TEXT_BYTES, read_form
from colorize_service.server.multipart import MultipartReader, PartBegins, PartEnds, parameters

BOUNDARY = b"-x"
CONTENT_TYPE = "multipart/form-data; boundary=-x"

# What bodies are made of, so that random ones come close to forms.
SCRAPS = strategies.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"-", b"--", b"---x", b"---x--", b"\r\n---x", b"\n---x", b"\r\n---x\r\n"]
) | strategies.sampled_from(
    [b" ", b"\t", b":", b";", b'"', b"x", b"=", b"\0", b"\xff", b"\\", b'content-type; name="file"']
)
CONTENT = strategies.lists(SCRAPS | strategies.binary(max_size=20), max_size=12).map(b"".join)
NAMES = strategies.sampled_from(["file", "image_id", "other", *OPTIONS])
PARTS = strategies.lists(strategies.tuples(NAMES, strategies.booleans(), CONTENT), max_size=5)


def pieces(body: bytes, size: int):
    """The body in pieces of ``size`` bytes."""
    return (body[at : at + size] for at in range(0, len(body), size))


def outcome(call: Callable[[], object]) -> tuple[object, HTTPException | None]:
    """What the call gives, or how it refuses; any other exception is the test's failure."""
    try:
        return call(), None
    except HTTPException as error:
        return None, error


def parts_of(body: bytes, size: int) -> list[bytes] | None:
    """The contents of all parts, the body being fed in pieces of ``size`` bytes; None if it is refused."""
    reader, parts, open_parts = MultipartReader(BOUNDARY), [], 0
    try:
        for piece in pieces(body, size):
            for event in reader.feed(piece):
                if isinstance(event, PartBegins):
                    parts.append(b"")
                    open_parts += 1
                elif event is PartEnds.EVENT:
                    open_parts -= 1
                else:
                    assert open_parts == 1 and event, "content outside of a part, or none"
                    parts[-1] += event
        reader.close()
    except HTTPException:
        return None
    assert open_parts == 0
    return parts


def parts_of_the_second_reader(body: bytes) -> list[bytes] | None:
    """The same by ``multipart``, which is strict, of the body in one piece."""
    parts = []
    try:
        with multipart.PushMultipartParser(BOUNDARY, header_charset="latin-1", max_header_size=10**9) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    parts.append(b"")
                elif event:
                    parts[-1] += event
    except multipart.MultipartError:
        return None
    return parts


def form_of(parts, line_end: bytes = b"\r\n") -> bytes:
    """A well-formed body."""
    body = io.BytesIO()
    for name, has_file_name, content in parts:
        disposition = f'Content-Disposition: form-data; name="{name}"' + '; filename="blob"' * has_file_name
        body.write(b"--" + BOUNDARY + line_end + disposition.encode() + line_end * 2 + content + line_end)
    return body.getvalue() + b"--" + BOUNDARY + b"--" + line_end


def without_boundaries(content: bytes) -> bytes:
    return content.replace(b"--" + BOUNDARY, b"--y")


@given(PARTS, strategies.sampled_from([b"\r\n", b"\n"]), strategies.binary(max_size=20), strategies.integers(1, 70))
def test_what_was_put_into_a_form_is_read_from_it_wherever_it_is_cut(parts, line_end, around, size):
    parts = [(name, has_file_name, without_boundaries(content)) for name, has_file_name, content in parts]
    around = without_boundaries(around)
    body = around + line_end + form_of(parts, line_end) + around
    for each in {1, 2, 3, size, len(body)}:
        assert parts_of(body, each) == [content for _, _, content in parts]


@given(PARTS, strategies.integers(1, 70))
def test_a_form_gives_the_first_of_each_text_and_refuses_two_photos(parts, size):
    parts = [(name, has_file_name, without_boundaries(content)) for name, has_file_name, content in parts]
    photos = [content for name, _, content in parts if name == "file"]
    form, refusal = outcome(lambda: read_form(CONTENT_TYPE, pieces(form_of(parts), size)))
    if len(photos) > 1:
        assert refusal.code == 400
        return
    assert form.photo == (photos[0] if photos else None)
    for name in ("image_id", *OPTIONS):
        sent = next((content for other, _, content in parts if other == name), b"")
        text, refusal = outcome(lambda name=name: form.text(name))
        try:
            assert text == sent.decode().removeprefix("\ufeff")
        except UnicodeDecodeError:
            assert name in refusal.description


@given(PARTS, strategies.data())
def test_a_mutated_form_is_read_as_a_strict_reader_reads_it_or_by_neither(parts, data):
    body = form_of(parts)
    for _ in range(data.draw(strategies.integers(0, 3))):
        start = data.draw(strategies.integers(0, len(body)))
        end = data.draw(strategies.integers(start, min(start + 30, len(body))))
        body = body[:start] + data.draw(SCRAPS | strategies.just(b"")) + body[end:]
    whole = parts_of(body, max(1, len(body)))
    for size in {1, 2, data.draw(strategies.integers(1, 70))}:
        assert parts_of(body, size) == whole
    # What only this reader takes: lines that end with LF alone, and a part whose empty line is its boundary's.
    if not re.search(rb"(?<!\r)\n|\r\n\r\n---x", body):
        strict = parts_of_the_second_reader(body)
        if strict is not None:
            assert whole == strict


@given(CONTENT, strategies.integers(1, 70))
@example(b"---x\r\n" * 30, 1)
@example(b"---x\r\n\r\n\r\n---x-", 1)
@example(b"\r\n---x\r\nA: b\r\n\r\n\r\n---x--", 3)
def test_any_bytes_are_read_or_refused_with_a_sentence(body, size):
    form, refusal = outcome(lambda: read_form(CONTENT_TYPE, pieces(body, size)))
    assert form or refusal.code in (400, 413)


@given(strategies.binary(max_size=200), strategies.integers(1, 70))
def test_any_bytes_as_an_urlencoded_form_are_read_or_refused_with_a_sentence(body, size):
    kind = "application/x-www-form-urlencoded"
    _, refusal = outcome(lambda: read_form(kind, pieces(b"hints=" + body, size)).text("hints"))
    assert refusal is None or refusal.code == 400


@given(strategies.text(max_size=200))
def test_any_header_has_parameters_or_none(header):
    for name, value in parameters(header):
        assert name and isinstance(value, str)
    _, refusal = outcome(lambda: read_form(f"multipart/form-data; {header}", []))
    assert refusal.code == 400


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"---x\r\n\r\n",
        b'---x\r\nContent-Disposition: form-data; name="other"; filename="a"\r\n\r\n',
        b'---x\r\nContent-Disposition: form-data; name="other"\r\n\r\n',
        b"---x\r\nA: ",
        b"---x--",
    ],
    ids=["preamble", "part without headers", "unknown file", "unknown text", "headers", "epilogue"],
)
@pytest.mark.parametrize("flood", [b"\0", b"\n", b"\r", b"\r\n", b"\r\n---", b"\r\n---x", b"---x  ", b"\n---x-"])
def test_what_means_nothing_takes_no_memory_however_much_comes(start, flood):
    def body():
        yield start
        piece = (flood * 70_000)[:65_536]
        for _ in range(64):
            yield piece

    tracemalloc.start()
    try:
        _, refusal = outcome(lambda: read_form(CONTENT_TYPE, body()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert refusal is None or refusal.code in (400, 413)


def test_a_photo_is_held_in_memory_once():
    photo = bytes(8_000_000)
    body = form_of([("saturation", False, b"1"), ("file", False, photo)])
    tracemalloc.start()
    try:
        form = read_form(CONTENT_TYPE, pieces(body, 262_144))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert form.photo == photo
    assert peak < 1.3 * len(photo)


def test_texts_are_not_held_beyond_their_limit():
    body = form_of([("hints", False, b"[" * 100_000)] * (MOST_TEXT_BYTES // 100_000 + 1))
    with pytest.raises(HTTPException, match=str(MOST_TEXT_BYTES)) as raised:
        read_form(CONTENT_TYPE, pieces(body, 65_536))
    assert raised.value.code == 413

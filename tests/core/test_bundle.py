"""A bundle's files: who may read them, and what an operator reads of them."""

import logging

from colorize_service.bundle import Bundle, Manifest


def bundle_with(folder, **sizes: int) -> Bundle:
    """A bundle with a file of each of these sizes in bytes."""
    for name, size in sizes.items():
        with open(folder / name, "wb") as file:
            file.truncate(size)  # a hole: it takes no room on the disk
    manifest = Manifest(kind="k", name="n", version="1", processing={}, source="s", licence="l")
    manifest.write(folder, {name: name for name in sizes})
    return Bundle(folder)


def test_whoever_may_read_the_manifest_may_read_the_weights(tmp_path):
    weights = tmp_path / "weights"
    weights.touch(0o600)
    bundle_with(tmp_path, weights=7)
    assert weights.stat().st_mode == (tmp_path / "manifest.json").stat().st_mode


def test_an_operator_reads_which_large_file_the_start_has_waited_for(tmp_path, caplog):
    bundle = bundle_with(tmp_path, graph=10**6, weights=10**8)
    with caplog.at_level(logging.INFO):
        bundle.verify()
    (message,) = caplog.messages
    assert message.startswith("Verified weights (0.1 GB) in ")

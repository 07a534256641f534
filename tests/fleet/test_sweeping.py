"""What nobody waits for does not stay in the inbox of a fleet's store, and what somebody waits for does."""

from colorize_service.server.fleet.board import Board
from colorize_service.server.fleet.messages import Outcome
from colorize_service.server.fleet.sweeping import Sweeper
from colorize_service.server.storage.folder import FolderStorage


def test_a_photo_for_which_nobody_waits_is_deleted_and_no_other(redis, tmp_path):
    storage, board = FolderStorage(tmp_path / "store"), Board(redis.url)
    left, wanted, job, done = (storage.put("inbox", b"x") for _ in range(4))
    result = storage.put("results", b"x", left)
    board.admit(wanted, 10)
    board.admit(job, 10, b"{}")
    board.admit(done, 10, b"{}")
    board.finish(done, Outcome("done"))
    sweeper = Sweeper(storage, board)
    sweeper.look()
    just_come = storage.put("inbox", b"x")
    assert len(list(storage.files("inbox"))) == 5, "it may be on its way into the line"
    board.renew(wanted)
    sweeper.look()
    assert {found.file_id for found in storage.files("inbox")} == {wanted, job, just_come}
    assert storage.get("results", result) == b"x"

"""What an API process knows of the workers, in the moment in which they go."""

import pytest

from colorize_service.server.engines.protocol import Description, NotLoaded
from colorize_service.server.fleet.board import Board
from colorize_service.server.fleet.pulse import Pulse
from colorize_service.server.storage.folder import FolderStorage
from tests.support.service import wait_until

MODEL = Description("Lite", "1.3.0", "lite", "ColorizeNet-Lite", "cpu", "fp32", (512, 512), {"hints": []})


def test_who_asks_for_the_model_when_the_last_worker_has_just_gone_is_told_so(redis, tmp_path):
    board = Board(redis.url)
    board.announce("the last", MODEL)
    pulse = Pulse(board, FolderStorage(tmp_path / "store"), None, lambda _: None)
    pulse.start()
    wait_until(lambda: pulse.problem is None, 10)
    assert pulse.models() == [MODEL]
    board.leave("the last")
    pulse.count()
    with pytest.raises(NotLoaded, match="No worker"):
        pulse.models()

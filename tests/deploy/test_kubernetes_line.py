"""What KEDA counts on a real broker."""

import pytest

from colorize_service.options import Options
from colorize_service.server.fleet import messages
from colorize_service.server.fleet.line import Line, celery_app
from colorize_service.server.settings import Settings
from tests.support.brokers import RedisServer
from tests.support.deployment import documents

pytestmark = pytest.mark.server


def test_the_list_that_keda_measures_is_the_one_in_which_photos_wait(tmp_path):
    (scaled,) = [each for each in documents("kubernetes/worker.yaml") if each["kind"] == "ScaledObject"]
    (trigger,) = scaled["spec"]["triggers"]
    with RedisServer(tmp_path) as server, server.client() as client:
        line = Line(celery_app(Settings(app_check=False, broker_url=server.url, storage_dir=tmp_path / "store")))
        for number in range(3):
            line.send(messages.task(f"00000000-0000-4000-8000-00000000000{number}", Options(), "request", None), 60)
        assert client.llen(trigger["metadata"]["listName"]) == 3

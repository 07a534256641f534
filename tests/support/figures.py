"""The service's figures, as Prometheus' own parser reads them."""

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service, wait_until


def samples(address: str) -> dict[tuple[str, frozenset], float]:
    """All figures at an address, by name and labels."""
    response = requests.get(address, timeout=30)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(url: str, name: str, **labels: str) -> float:
    """One figure of the service at ``url``; 0 where it has not been counted yet."""
    return samples(f"{url}/metrics").get((name, frozenset(labels.items())), 0)


def wait_for_photos(service: Service, in_work: int, waiting: int = 0) -> None:
    """Wait until so many photos to colorize are in work, and at least so many wait."""
    wait_until(
        lambda: (
            value(service.url, "colorize_photos_in_work", queue="colorize") == in_work
            and value(service.url, "colorize_photos_waiting", queue="colorize") >= waiting
        ),
        20,
        service.log,
    )

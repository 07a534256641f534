"""deploy/compose.yaml, as far as it can be judged without a Docker engine; tests/deploy/test_compose_run.py runs it."""

import json
import re
from importlib import resources

import jsonschema
import pytest

from tests.support.deployment import DEPLOY, documents, env_file, interpolated, seconds, settings_of, unknown

(COMPOSE,) = documents("compose.yaml")
EXAMPLE = env_file("compose.env.example")
FILLED = EXAMPLE | {
    "BROKER_PASSWORD": "b" * 48,
    "AWS_ACCESS_KEY_ID": "k" * 24,
    "AWS_SECRET_ACCESS_KEY": "s" * 48,
    "DELETE_SECRET": "d" * 48,
    "FIREBASE_PROJECT_ID": "my-project",
    "PUBLIC_BASE_URL": "https://api.example.com",
}
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "colorize"]


def test_it_is_what_the_specification_of_compose_allows():
    vendored = resources.files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json")
    schema = json.loads(vendored.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(interpolated(COMPOSE, FILLED))
    broken = interpolated(COMPOSE, FILLED)
    broken["services"]["api1"]["mem_limits"] = "1g"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(broken)


def test_each_variable_of_the_environment_is_a_setting_that_the_service_knows():
    assert {"api1", "api2", "worker1", "worker2", "clean", "bucket"} == set(OURS)
    for name in OURS:
        assert not unknown(SERVICES[name]["environment"]), name


@pytest.mark.parametrize("name", ["api1", "worker1", "clean"])
def test_the_service_starts_with_the_values(name, monkeypatch, tmp_path):
    environment = interpolated(SERVICES[name]["environment"], FILLED) | {"STORAGE_DIR": str(tmp_path)}
    settings = settings_of(environment, monkeypatch, worker=name != "api1")
    assert settings.broker == f"redis://:{'b' * 48}@valkey:6379/0" and settings.retention_days == 30


def test_what_compose_asks_for_is_in_the_example_and_nothing_else_is():
    asked = set(re.findall(r"\$\{([A-Z_]+)", json.dumps(COMPOSE)))
    assert asked == set(EXAMPLE)


@pytest.mark.parametrize("name", ["BROKER_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_a_secret_nothing_starts(name):
    assert not EXAMPLE[name]
    with pytest.raises(KeyError, match=name):
        interpolated(COMPOSE, FILLED | {name: ""})


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_has_no_more_rights_than_it_needs_and_comes_back(name):
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and not service.get("privileged")
    assert service["mem_limit"] and service["pids_limit"]
    assert service["restart"] == ("on-failure" if name == "bucket" else "unless-stopped")
    assert service["healthcheck"].get("test") or name in ("clean", "bucket")


def test_what_is_ours_is_built_here_and_the_rest_has_versions():
    for name, service in SERVICES.items():
        if name in OURS:
            assert service["build"] == {"context": ".."} and (DEPLOY.parent / "Dockerfile").exists()
        else:
            assert "build" not in service and re.search(r":\d+\.\d+", service["image"]), name


def test_only_nginx_can_be_reached_and_broker_and_store_reach_nobody():
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["nginx"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    for name in ("valkey", "storage", "worker1", "worker2"):
        assert SERVICES[name]["networks"] == ["back"]


def test_a_container_that_stops_finishes_its_photos(monkeypatch, tmp_path):
    environment = interpolated(SERVICES["api1"]["environment"], FILLED) | {"STORAGE_DIR": str(tmp_path)}
    settings = settings_of(environment, monkeypatch)
    longest = settings.queue_timeout + settings.work_timeout
    assert settings.graceful_timeout > longest
    for name in ("nginx", "api1", "api2"):
        assert seconds(SERVICES[name]["stop_grace_period"]) > settings.graceful_timeout
    for name in ("worker1", "worker2"):
        assert seconds(SERVICES[name]["stop_grace_period"]) > settings.work_timeout


def test_the_broker_forgets_nothing():
    command = SERVICES["valkey"]["command"]
    options = dict(zip(command[::2], command[1::2], strict=True))
    assert options["--appendonly"] == "yes" and options["--maxmemory-policy"] == "noeviction"
    assert SERVICES["valkey"]["volumes"] == [f"broker:{options['--dir']}"]


def test_the_stores_server_does_not_tell_its_makers_of_it():
    assert "-master.telemetry=false" in SERVICES["storage"]["command"]

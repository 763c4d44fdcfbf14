"""The compose file of two replicas: what can be held against the image, the settings and the proxy by itself."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
MAIN: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = [service for name, service in SERVICES.items() if name != "proxy"]
NGINX = (FOLDER / "nginx.conf").read_text()


def settings_file() -> dict[str, str]:
    lines = [line for line in (FOLDER / "settings.env").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_its_keys_are_those_of_the_specification() -> None:
    """Of the parts that are used; the rest would be a typing error."""
    of_service = {
        "image",
        "build",
        "command",
        "user",
        "env_file",
        "expose",
        "ports",
        "volumes",
        "networks",
        "healthcheck",
    }
    of_service |= {
        "stop_signal",
        "stop_grace_period",
        "read_only",
        "tmpfs",
        "mem_limit",
        "cpus",
        "pids_limit",
        "restart",
    }
    of_service |= {"init", "cap_drop", "security_opt"}
    assert COMPOSE.keys() == {"name", "x-replica", "services", "networks", "volumes"}
    for service in SERVICES.values():
        assert service.keys() <= of_service
        assert service["healthcheck"].keys() == {"test", "interval", "timeout", "retries", "start_period"}


def test_two_replicas_are_built_and_checked_as_the_one_of_the_main_file() -> None:
    assert len(REPLICAS) == 2
    main = MAIN["services"]["wikiclip"]
    for replica in REPLICAS:
        assert replica["image"] == main["image"]
        assert replica["build"] == {**main["build"], "context": "../.."}
        assert (FOLDER / replica["build"]["context"] / "Dockerfile").is_file()
        assert replica["healthcheck"] == main["healthcheck"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_bounded_and_writes_where_it_may(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    assert [tmpfs.partition(":")[0] for tmpfs in service["tmpfs"]] == ["/tmp"]
    written = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert [volume.partition(":")[2] for volume in written] == ([] if name == "proxy" else ["/data"])
    for volume in written:
        assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_only_the_proxy_is_published_and_on_this_machine_only() -> None:
    assert all("ports" not in replica for replica in REPLICAS)
    (port,) = SERVICES["proxy"]["ports"]
    assert port.startswith("127.0.0.1:")
    (listened,) = re.findall(r"listen (\d+);", NGINX)
    assert port.endswith(f":{listened}")
    assert f"127.0.0.1:{listened}/healthz" in SERVICES["proxy"]["healthcheck"]["test"][-1]


def test_the_proxy_asks_the_replicas_where_they_are() -> None:
    addresses = [replica["networks"]["inside"]["ipv4_address"] for replica in REPLICAS]
    assert re.findall(r"server (\S+):8000 ", NGINX) == addresses
    mine = SERVICES["proxy"]["networks"]["inside"]["ipv4_address"]
    assert settings_file()["WIKICLIP_PROXIES"] == mine
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert all(address.startswith(subnet.removesuffix("0/24")) for address in [*addresses, mine])
    assert all(replica["expose"] == ["8000"] for replica in REPLICAS)


def test_settings_are_settings_and_what_they_name_is_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    said = settings_file()
    assert set(said) <= {f"WIKICLIP_{name.upper()}" for name in Settings.model_fields}
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    for replica in REPLICAS:
        assert (FOLDER / replica["env_file"]).is_file()
        assert any(volume.endswith(f":{settings.pull_from}:ro") for volume in replica["volumes"])


def test_limits_of_the_proxy_are_no_tighter_than_the_services() -> None:
    settings = Settings()
    (most,) = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert int(most) * 2**20 > settings.max_body_bytes
    (wait,) = re.findall(r"proxy_read_timeout (\d+)s;", NGINX)
    assert int(wait) > settings.deadline_s
    (idle,) = re.findall(r"keepalive_timeout (\d+)s;  # less", NGINX)
    assert int(idle) < settings.keep_alive_s

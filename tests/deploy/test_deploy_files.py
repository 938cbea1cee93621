"""The container files are linted even where no container can be built."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined, comments gone."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.fixture(scope="module")
def final(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The steps of the last stage, which is the image that runs."""
    start = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    return steps[start:]


@pytest.fixture(scope="module")
def service() -> dict:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return compose["services"]["gateway"]


def test_the_dockerfile_uses_only_known_instructions(steps):
    known = {
        "FROM",
        "ENV",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {word for word, _ in steps} <= known


def test_images_are_pinned_and_slim(steps):
    images = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert len(images) == 2
    for image in images:
        assert re.fullmatch(r"python:3\.1[1-9]-slim-\w+", image)


def test_the_image_does_not_run_as_root(final):
    user = next(rest for word, rest in final if word == "USER")
    assert int(user.split(":")[0]) > 0


def test_the_image_installs_only_what_the_first_stage_built(final):
    install = next(rest for word, rest in final if word == "RUN")
    assert "--no-index" in install
    assert "--no-cache-dir" in install


def test_the_image_has_every_extra_that_serves(steps):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    built = next(rest for word, rest in steps if word == "RUN" and "pip wheel" in rest)
    found = re.search(r'"\.\[([\w,]+)\]" \./plugins/nova-plugin-\*/', built)
    assert found, built
    assert set(found[1].split(",")) == project["optional-dependencies"].keys() - {"testing", "dev"}


def test_the_image_checks_its_own_health_without_further_tools(final):
    check = next(rest for word, rest in final if word == "HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[0] == "python"
    assert "/health/readiness" in command[-1]
    compile(command[-1], "healthcheck", "exec")


def test_the_image_starts_the_gateway_as_its_first_process(final):
    assert json.loads(next(rest for word, rest in final if word == "ENTRYPOINT")) == ["nova"]
    assert json.loads(next(rest for word, rest in final if word == "CMD"))[0] == "serve"


def test_no_secret_is_baked_into_the_image(steps):
    text = " ".join(rest for _, rest in steps)
    assert not re.search(r"(?i)(api_key|master_key|password|token)\s*=", text)


def test_what_is_copied_is_let_through_by_the_dockerignore():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"LICENSE", "README.md", "pyproject.toml", "nova_core", "plugins", "examples"} == allowed
    assert [name for name in allowed if not (ROOT / name).exists()] == []


def test_the_service_is_confined(service):
    assert int(service["user"].split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


def test_the_service_has_a_tag_a_healthcheck_and_time_to_drain(service):
    assert re.search(r":\d+\.\d+\.\d+$", service["image"])
    assert "/health/readiness" in service["healthcheck"]["test"][-1]
    assert service["stop_grace_period"] == "30s"
    assert service["restart"] == "unless-stopped"


def test_the_service_is_published_on_loopback_only(service):
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_mounts_and_builds_from_files_that_exist(service):
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for mount in service["volumes"]:
        assert (DEPLOY / mount.split(":")[0]).is_file()
        assert mount.endswith(":ro")


def test_the_mounted_configuration_takes_its_key_from_the_environment():
    mounted = yaml.safe_load((DEPLOY / "config.yaml").read_text(encoding="utf-8"))
    assert mounted["general_settings"]["master_key"].startswith("os.environ/")

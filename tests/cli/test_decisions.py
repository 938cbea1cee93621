"""`nova why`, `nova route` and `nova simulate`, as people and CI run them."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_serving import Served

CONFIG = """\
model_list:
  - model_name: parrot
    params: {model: echo/one, tags: [eu]}
    model_info: {id: one}
  - model_name: parrot
    params: {model: echo/two, tags: [us]}
    model_info: {id: two}
  - model_name: spare
    params: {model: echo/echo, tags: [eu, us]}
    model_info: {id: spare}
router_settings:
  enable_tag_filtering: true
  fallbacks: [{parrot: [spare]}]
"""
MOVED = CONFIG.replace("one, tags: [eu]", "one, tags: [asia]").replace("two, tags: [us]", "two, tags: [us, eu]")
REQUEST = json.dumps({"model": "parrot", "messages": [{"role": "user", "content": "hello there"}], "tags": ["eu"]})


@pytest.fixture
def asked(nova):
    nova.write("nova.yaml", CONFIG)
    nova.write("request.json", REQUEST)
    return nova


def test_a_request_is_explained_from_a_configuration_alone(asked):
    ran = asked("route", "request.json", "--config", "nova.yaml")
    assert ran.code == 0, ran.err
    assert "without two, by router-tags: tags eu" in ran.out
    assert "group    spare: spare (echo/echo)" in ran.out
    record = json.loads(asked("route", "-", "--config", "nova.yaml", "--json", fed=REQUEST).out)
    assert [group["order"] for group in record["groups"]] == [[["one"]], [["spare"]]]


def test_headers_of_the_request_count_and_a_refusal_is_exit_code_1(asked):
    words = ("route", "request.json", "--config", "nova.yaml", "--json")
    untagged = {name: value for name, value in json.loads(REQUEST).items() if name != "tags"}
    asked.write("request.json", json.dumps(untagged))
    ran = asked(*words, "--header", "x-nova-tags: us")
    assert (ran.code, json.loads(ran.out)["groups"][0]["order"]) == (0, [["two"]])
    refused = asked(*words, "--header", "x-nova-tags: mars")
    assert refused.code == 1
    assert json.loads(refused.out)["failure"]["code"] == "no_deployments_for_tags"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("route", "missing.json"), "cannot be read"),
        (("route", "request.json", "--config", "nova.yaml", "--url", "http://x"), "give one of them"),
        (("route", "request.json", "--config", "nova.yaml", "--header", "x"), "is not NAME:VALUE"),
        (("simulate", "--config", "nova.yaml", "--recorded", "nothing"), "holds no recorded calls"),
        (("simulate", "--config", "nova.yaml", "--recorded", ".", "--fail-on-change", "mood"), "'mood' is none of"),
        (("serve", "--config", "nova.yaml", "--record-bodies"), "--record DIR"),
    ],
)
def test_what_cannot_be_obeyed_is_exit_code_2(asked, words, said):
    ran = asked(*words)
    assert ran.code == 2
    assert said in ran.err


def test_a_running_gateway_says_why_and_what_it_recorded_is_rehearsed(asked):
    served = Served(asked, "--config", "nova.yaml", "--record", "recorded")
    try:
        calls = [_call(asked, served) for _ in range(3)]
        told = asked("why", calls[0], "--url", served.url)
        record = json.loads(asked("why", calls[0], "--url", served.url, "--json").out)
        route = json.loads(asked("route", "request.json", "--url", served.url, "--json").out)
        missing = asked("why", "nobody", "--url", served.url)
    finally:
        served.stop()
    assert "-> one" in told.out
    assert "attempt  1  one" in told.out
    assert record["deployment"] == "one"
    assert route["groups"][0]["removed"][0]["id"] == "two"
    assert missing.code == 1
    assert "No call 'nobody'" in missing.err
    _rehearse(asked, calls)


def _call(nova, served: Served) -> str:
    import urllib.request

    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{served.url}/v1/chat/completions", REQUEST.encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["x-nova-call-id"]


def _rehearse(nova, calls: list[str]) -> None:
    nova.write("moved.yaml", MOVED)
    same = nova("simulate", "--config", "nova.yaml", "--recorded", "recorded", "--fail-on-change", "any")
    assert (same.code, same.err) == (0, "")
    assert "target 0  refusal 0  task 0  cost 0" in same.out
    words = ("simulate", "--config", "moved.yaml", "--recorded", "recorded")
    assert nova(*words).code == 0
    assert nova(*words, "--fail-on-change", "refusal,task").code == 0
    moved = nova(*words, "--fail-on-change", "target", "--json")
    assert moved.code == 1
    changes = json.loads(moved.out)["changes"]
    assert [(each["id"], each["before"]["targets"], each["after"]["targets"]) for each in changes] == [
        (id, ["one"], ["two"]) for id in calls
    ]
    assert "hello" not in "".join(path.read_text() for path in (nova.folder / "recorded").iterdir())

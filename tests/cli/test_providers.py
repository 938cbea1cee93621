"""`nova providers`."""

from __future__ import annotations

import json


def test_a_hundred_providers_chat_and_each_says_what_it_needs(nova):
    rows = {row["prefix"]: row for row in json.loads(nova("providers", "--json").out)}
    assert sum("chat" in row["operations"] for row in rows.values()) >= 100
    assert rows["groq"] == {
        "prefix": "groq",
        "distribution": "nova-plugin-openai-compatible",
        "operations": ["chat", "speech", "transcription", "translation"],
        "key": ["GROQ_API_KEY"],
        "key_required": True,
        "base": "https://api.groq.com/openai/v1",
        "address": ["GROQ_API_BASE"],
        "in_process": False,
        "natives": [],
    }
    assert rows["echo"]["in_process"]
    for row in rows.values():
        assert row["operations"], row["prefix"]
        assert row["in_process"] or row["base"] or row["address"] or row["prefix"] == "custom_openai"


def test_providers_are_listed_by_name_and_by_operation(nova):
    lines = nova("providers", "hosted_vllm").out.splitlines()
    assert lines[0].split() == ["PREFIX", "OPERATIONS", "KEY", "ADDRESS", "DISTRIBUTION"]
    assert len(lines) == 2
    assert "HOSTED_VLLM_API_KEY (optional)" in lines[1]
    assert "yours: api_base, HOSTED_VLLM_API_BASE" in lines[1]
    assert "in this process" in nova("providers", "echo").out
    embedding = nova("providers", "--operation", "embedding").out
    assert "\ninfinity/" in embedding
    assert "\ngroq/" not in embedding
    nothing = nova("providers", "groq", "--operation", "rerank")
    assert (nothing.out, nothing.code) == ("", 0)
    assert "no provider with 'groq' in its prefix that serves rerank is installed" in nothing.err


def test_a_provider_that_cannot_be_imported_is_told_and_left_out(nova, site):
    site.add("nova-plugin-bad", {"nova.providers": {"bad": "bad_provider:plugin"}}, {"bad_provider": "import no_leaf"})
    ran = nova("providers", "--json")
    assert ran.code == 0
    assert "no_leaf" in ran.err
    assert "bad" not in {row["prefix"] for row in json.loads(ran.out)}

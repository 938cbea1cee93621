"""Printed settings and `.env` files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_core.config import ConfigError, read_dotenv, redacted, redacted_text

SECRET_KEYS = [
    "api_key", "master_key", "key", "x-api-key", "AZURE_API_KEY", "aws_secret_access_key", "aws_access_key_id", "token",
    "auth_token", "accessToken", "client_secret", "password", "redis_password", "vertex_credentials", "Authorization",
    "Cookie", "slack_webhook_url", "apikey", "private_key", "sentry_dsn",
]  # fmt: skip
PLAIN_KEYS = [
    "model",
    "max_tokens",
    "input_cost_per_token",
    "token_rate_limit_type",
    "litellm_credential_name",
    "keys_url",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("value", ["hidden", 1234, ["hidden"], {"a": "hidden"}])
def test_a_value_under_a_secret_name_is_masked_whatever_its_shape(key, value):
    assert redacted({"a": [{key: value}]}) == {"a": [{key: "***"}]}


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_a_value_under_another_name_is_shown(key):
    assert redacted({key: "shown"}) == {key: "shown"}


def test_that_a_secret_is_missing_is_shown():
    assert redacted({"api_key": None, "disable_master_key": True}) == {"api_key": None, "disable_master_key": True}


def test_variables_are_masked_whatever_their_name():
    assert redacted({"environment_variables": {"A": "x", "B": None}}) == {
        "environment_variables": {"A": "***", "B": None}
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:pa55@db:5432/x", "postgresql://***@db:5432/x"),
        ("https://h/v1?key=abc&x=1", "https://h/v1?key=***&x=1"),
        ("use sk-abcd1234 here", "use *** here"),
        ("Bearer abc.def", "***"),
        ("nova-embeddings-v1", "nova-embeddings-v1"),
        ("http://host:8000/v1", "http://host:8000/v1"),
    ],
)
def test_secrets_inside_a_text_are_masked(text, shown):
    assert redacted_text(text) == shown


@given(st.recursive(st.text(max_size=3) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["a", "model", *SECRET_KEYS]), inner, max_size=3), max_leaves=15))  # fmt: skip
def test_printing_twice_is_printing_once(value):
    assert redacted(redacted(value)) == redacted(value)


def test_a_dotenv_file_is_read(tmp_path):
    (tmp_path / ".env").write_text(
        '# comment\nA=1\nexport B = two words  # note\nC=\'$literal # \\n\'\nD="a\\nb \\"q\\" # in" # out\n'
        'E=\nF=a#b\nG="first\nsecond"\n\nH=x=y\nI=   # empty\n'
    )
    assert read_dotenv(tmp_path / ".env") == {
        "A": "1", "B": "two words", "C": "$literal # \\n", "D": 'a\nb "q" # in', "E": "", "F": "a#b",
        "G": "first\nsecond", "H": "x=y", "I": "",
    }  # fmt: skip


@pytest.mark.parametrize(("text", "line"), [("A=1\nsecret-value\n", 2), ("A=1\n\nB='secret-value\nC=1\n", 3)])
def test_a_wrong_line_is_named_but_not_quoted(tmp_path, text, line):
    (tmp_path / ".env").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_dotenv(tmp_path / ".env")
    assert caught.value.problems[0].line == line
    assert "secret-value" not in str(caught.value)

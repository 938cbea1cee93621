"""Signatures: Amazon's published vectors, and whatever botocore signs alike."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_core.types.secret import Secret
from nova_core.wire.sigv4 import Keys, Scope, Unsigned, sign

KEYS = Keys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
TOKEN = Secret(
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7"
    "mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d"
    "+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
SCOPE = Scope("us-east-1", "service", datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
HOST = "https://example.amazonaws.com"
# "Signature Version 4 Test Suite" of the AWS documentation.
VECTORS = [
    ("GET", "/", (), b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", "/", (), b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        (),
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    ("POST", "/", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "signature"), VECTORS)
def test_published_vectors_are_signed_as_published(
    method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes, signature: str
) -> None:
    made = dict(sign(Unsigned(method, HOST + path, headers, body), KEYS, SCOPE))
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert made["X-Amz-Date"] == "20150830T123600Z"
    assert made["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_a_session_token_is_sent_and_signed() -> None:
    keys = Keys(KEYS.access_key, KEYS.secret_key, TOKEN)
    made = dict(sign(Unsigned("POST", HOST + "/", (), b""), keys, SCOPE))
    assert made["X-Amz-Security-Token"] == TOKEN.reveal()
    assert made["Authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )
    assert TOKEN.reveal() not in repr(keys)


@settings(max_examples=60, deadline=None)
@given(model=st.text(min_size=1, max_size=40), body=st.binary(max_size=60), port=st.sampled_from(["", ":443", ":8443"]))
def test_botocore_signs_alike(model: str, body: bytes, port: str) -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    try:
        url = f"https://bedrock-runtime.eu-west-1.amazonaws.com{port}/model/{quote(model, safe='')}/converse"
    except UnicodeEncodeError:
        return
    made = dict(sign(Unsigned("POST", url, (("Content-Type", "application/json"),), body), KEYS, SCOPE))
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    request.context["timestamp"] = SCOPE.timestamp
    request.headers["X-Amz-Date"] = SCOPE.timestamp
    signer = auth.SigV4Auth(Credentials(KEYS.access_key, KEYS.secret_key.reveal()), "service", "us-east-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert made["Authorization"].endswith(f"Signature={signer.signature(text, request)}")

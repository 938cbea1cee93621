"""The vendors' published schemas, held against bodies: nothing wrong, and nothing that they do not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

Json = dict[str, Any]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | Iterator) or type(value).__name__ == "ValidatorIterator":
        return [_plain(item) for item in value]
    return value


def expect_known(adapter: TypeAdapter[Any], body: Any) -> None:
    """Fail unless the typed dictionaries of a vendor take `body`, with every field known to them."""
    try:
        known = _plain(adapter.validate_python(body))
    except ValidationError as error:
        raise AssertionError(f"the vendor's schema does not take {body}: {error}") from error
    unknown = {name: value for name, value in body.items() if known.get(name) != value}
    assert known == body, f"the vendor's schema does not know all of {unknown}"


def expect_model(module: str, name: str, body: Mapping[str, Any]) -> None:
    """Fail unless a vendor's pydantic model takes `body`, with every field at the top known to it."""
    try:
        known = adapter(module, name).validate_python(body)
    except ValidationError as error:
        raise AssertionError(f"the vendor's schema does not take {body}: {error}") from error
    assert set(body) <= set(known.model_dump(by_alias=True))


@cache
def adapter(module: str, name: str) -> TypeAdapter[Any]:
    """The adapter of a published type; made once, which takes a moment."""
    found = pytest.importorskip(module, reason="brings the vendor's schema")
    return TypeAdapter(getattr(found, name))


@cache
def _service_shape(operation: str) -> Any:
    loaders, model = (
        pytest.importorskip(f"botocore.{name}", reason="brings the vendor's schema") for name in ("loaders", "model")
    )
    service = model.ServiceModel(loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
    return service.operation_model(operation).input_shape


def expect_operation(operation: str, body: Mapping[str, Any]) -> None:
    """Fail unless Amazon's service model takes `body`, with every field known to it."""
    validate = pytest.importorskip("botocore.validate", reason="brings the vendor's schema")
    report = validate.ParamValidator().validate({"modelId": "m", **body}, _service_shape(operation))
    assert not report.has_errors(), report.generate_report()

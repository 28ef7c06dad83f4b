# SPDX-License-Identifier: Apache-2.0
"""Connections to the collector's two listeners. The only root that is trusted is the collector's own CA."""

import os
import ssl
from typing import Any

from agent.identity import Identity
from proto.wire import TARGET_NAME

# Watchers are started in this process by fork and exec at once: grpc need not prepare for a child that goes on with it.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

_OPTIONS = [
    ("grpc.ssl_target_name_override", TARGET_NAME),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    # Two agents on one machine must not share a connection, which carries an identity.
    ("grpc.use_local_subchannel_pool", 1),
]


def open_device_channel(identity: Identity) -> Any:
    """Return a channel to the events listener, over mutual TLS as this machine's device."""
    import grpc

    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.ca_certificate_pem,
        private_key=identity.tls_key_pem,
        certificate_chain=identity.tls_certificate_pem,
    )
    return grpc.secure_channel(identity.events_address, credentials, options=_OPTIONS)


def open_enrolment_channel(address: str, ca_certificate: bytes) -> Any:
    """Return a channel to the enrolment listener, which needs no certificate of ours; `ca_certificate` is DER."""
    import grpc

    credentials = grpc.ssl_channel_credentials(root_certificates=ssl.DER_cert_to_PEM_cert(ca_certificate).encode())
    return grpc.secure_channel(address, credentials, options=_OPTIONS)

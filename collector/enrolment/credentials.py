# SPDX-License-Identifier: Apache-2.0
"""What the two gRPC listeners show and whom they take: the present CAs at each new connection.

So a CA that is made or dropped needs no restart. Connections that are open stay as they are.
"""

from collections.abc import Callable
from typing import Any

import grpc

from collector.authority import Authorities, issue_listener_certificate


class ListenerCredentials:
    """The certificate of both listeners; its key is made here and lives in memory only."""

    def __init__(self, authorities: Callable[[], Authorities]) -> None:
        self._authorities = authorities
        self._issued_for = authorities()
        self._pair = issue_listener_certificate(self._issued_for)

    def mutual(self) -> grpc.ServerCredentials:
        """Return what a listener shows that takes devices only, by a certificate of any of the CAs."""
        return self._watch(needs_certificate=True)

    def one_sided(self) -> grpc.ServerCredentials:
        """Return what a listener shows that takes whoever comes."""
        return self._watch(needs_certificate=False)

    def _watch(self, *, needs_certificate: bool) -> grpc.ServerCredentials:
        shown = self._issued_for

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """Called by gRPC before every handshake; None: as before."""
            nonlocal shown
            present = self._authorities()
            if present is shown:
                return None
            configuration = self._configure(present, needs_certificate=needs_certificate)
            shown = present
            return configuration

        first = self._configure(shown, needs_certificate=needs_certificate)
        fetcher: Any = fetch  # The published types do not know that it may return None.
        return grpc.dynamic_ssl_server_credentials(first, fetcher, require_client_authentication=needs_certificate)

    def _configure(self, present: Authorities, *, needs_certificate: bool) -> grpc.ServerCertificateConfiguration:
        if present is not self._issued_for:
            self._pair, self._issued_for = issue_listener_certificate(present), present
        roots = present.roots_pem if needs_certificate else None
        return grpc.ssl_server_certificate_configuration([self._pair], root_certificates=roots)

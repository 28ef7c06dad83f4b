# SPDX-License-Identifier: Apache-2.0
"""Builds the console: routes, files, headers, failures. Serving it, with or without TLS, is up to `collector.app`."""

import time
from collections.abc import Callable

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.routing import Route as StarletteRoute

from collector.config import Config
from collector.console import static_files
from collector.console.attempts import CODES_ALLOWED_FROM_ALL, CODES_WINDOW_MIN, Attempts
from collector.console.cookie import Cookie
from collector.console.failures import make_handlers
from collector.console.guard import Route, make_endpoint
from collector.console.headers import ProtectedResponses
from collector.console.pages import (
    account,
    annulment,
    audit,
    coverage,
    devices,
    devices_decided,
    devices_expected,
    devices_retired,
    evidence,
    exceptions,
    flags,
    identity,
    incident_log,
    incidents,
    media,
    parents,
    people,
    policy,
    proposals,
    readers,
    responses,
    sealed,
    second_factor,
    sign_in,
    users,
)
from collector.console.rendering import Rendering
from collector.console.visit import Console, Publish

ROUTES: tuple[Route, ...] = (
    *sign_in.ROUTES,
    *account.ROUTES,
    *second_factor.ROUTES,
    # Before the page of one flag, whose address fits theirs too.
    *sealed.ROUTES,
    *flags.ROUTES,
    *annulment.ROUTES,
    *evidence.ROUTES,
    *identity.ROUTES,
    *readers.ROUTES,
    # Before the page of one incident, whose address fits theirs too.
    *incident_log.ROUTES,
    *incidents.ROUTES,
    *responses.ROUTES,
    *parents.ROUTES,
    # Before the page of one device, whose address fits theirs too.
    *devices_decided.ROUTES,
    *devices_expected.ROUTES,
    *devices.ROUTES,
    *devices_retired.ROUTES,
    *proposals.ROUTES,
    *media.ROUTES,
    *exceptions.ROUTES,
    *policy.ROUTES,
    *coverage.ROUTES,
    *people.ROUTES,
    *users.ROUTES,
    *audit.ROUTES,
)
"""Every page there is. The files of `static_files` are the only other thing that is served."""


def create_app(
    config: Config,
    engine: Engine,
    *,
    publish: Publish,
    secure_cookies: bool,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Starlette:
    """Return the console of a school. `publish` takes an actor and a reason and returns the new policy's version."""
    rendering = Rendering(config.school_name, static_files.load_addresses())
    console = Console(
        config=config,
        engine=engine,
        publish=publish,
        clock_ns=clock_ns,
        rendering=rendering,
        cookie=Cookie(school_id=config.school_id, is_secure=secure_cookies),
        attempts=Attempts(),
        code_attempts=Attempts(allowed_from_all=CODES_ALLOWED_FROM_ALL, window_min=CODES_WINDOW_MIN),
    )
    routes: list[BaseRoute] = [
        StarletteRoute(
            route.path, make_endpoint(console, route), methods=[route.method], max_body_size=route.max_body_bytes
        )
        for route in ROUTES
    ]
    routes.append(StarletteRoute("/icon.svg", static_files.show_icon, methods=["GET"]))
    if static_files.FOLDER.is_dir():
        routes.append(Mount("/static", static_files.ServedFiles(directory=static_files.FOLDER)))
    return Starlette(
        routes=routes,
        middleware=[Middleware(ProtectedResponses)],
        exception_handlers=make_handlers(rendering),
    )

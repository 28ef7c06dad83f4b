# SPDX-License-Identifier: Apache-2.0
"""Where a collector keeps its things: one folder, made by `init`, read by every other command.

    collector.toml          school, database, when it was made
    served.json             the addresses last served
    authority/              the CA and the TLS key of the listeners
    signing/signing.key     signs bundles, checkpoints and tombstones; apart from the CA, so that either can be moved
    store/                  the ledger and the key that it is encrypted with
    safeguarding/           keys that are never in the database: of references to subjects of flags, of second factors
    log/                    what the programs say

It holds paths and settings; the keys themselves are made by `authority` and `proto.keys`.
"""

import json
import tomllib
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from collector.errors import UsageError
from proto.files import write_private

DEFAULT_GRPC = "127.0.0.1:7443"
DEFAULT_ENROL = "127.0.0.1:7444"
DEFAULT_HTTP = "127.0.0.1:7480"


@dataclass(frozen=True, slots=True)
class Addresses:
    """host:port of the three listeners."""

    grpc: str = DEFAULT_GRPC
    enrol: str = DEFAULT_ENROL
    http: str = DEFAULT_HTTP


@dataclass(frozen=True, slots=True)
class Config:
    """A collector's folder and what its settings say."""

    folder: Path
    school_id: str
    school_name: str
    database: str
    """SQLAlchemy URL; empty for the embedded database in the folder."""

    @property
    def authority_folder(self) -> Path:
        """Where the CA is."""
        return self.folder / "authority"

    @property
    def signing_key(self) -> Path:
        """The collector's own signing key."""
        return self.folder / "signing" / "signing.key"

    @property
    def ledger_file(self) -> Path:
        """The embedded database."""
        return self.folder / "store" / "ledger.db"

    @property
    def ledger_key(self) -> Path:
        """The key that the embedded database is encrypted with."""
        return self.folder / "store" / "ledger.key"

    @property
    def subject_key(self) -> Path:
        """What flags of one account are grouped with, without naming it. Outside the database: see `subjects`."""
        return self.folder / "safeguarding" / "subject.key"

    @property
    def account_key(self) -> Path:
        """What accounts in security events are told apart with, without naming them. Another key on purpose."""
        return self.folder / "accounts.key"

    @property
    def second_factor_key(self) -> Path:
        """What the secrets of second factors are encrypted with. Outside the database: see `second_factor`."""
        return self.folder / "safeguarding" / "second_factor.key"


def load_config(folder: Path) -> Config:
    """Read the settings of a collector's folder.

    Raises:
        UsageError: the folder is not a collector's, or its settings are not readable.
    """
    path = folder / "collector.toml"
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(settings[name], str) for name in ("school_id", "school_name", "database")):
            raise ValueError("every setting is a text")
        return Config(
            folder=folder,
            school_id=settings["school_id"],
            school_name=settings["school_name"],
            database=settings["database"],
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is not a collector's folder", hint=f"make one: schoolwarden-collector init --dir {folder}"
        ) from error
    except KeyError as error:
        raise UsageError(f"{path} is not readable: it lacks {error}", hint="restore it from a backup") from error
    except ValueError as error:
        raise UsageError(f"{path} is not readable: {error}", hint="restore it from a backup") from error


def write_config(config: Config) -> None:
    """Write the settings; the last step of `init`, so that a folder with this file is complete."""
    lines = [
        "# Written by schoolwarden-collector init.",
        f"school_id = {json.dumps(config.school_id)}",
        f"school_name = {json.dumps(config.school_name, ensure_ascii=False)}",
        f"database = {json.dumps(config.database)}",
    ]
    write_private(config.folder / "collector.toml", "\n".join([*lines, ""]).encode())


def load_addresses(folder: Path) -> Addresses | None:
    """Return the addresses last served, or None before the first time."""
    try:
        found = Addresses(**json.loads((folder / "served.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if all(isinstance(each, str) for each in astuple(found)) else None


def write_addresses(folder: Path, addresses: Addresses) -> None:
    """Keep the addresses that are served now."""
    write_private(folder / "served.json", json.dumps(asdict(addresses)).encode())

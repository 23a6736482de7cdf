"""Recognizable secrets, the forms in which something may repeat them, and the search for them in files and outputs."""

import base64
import contextlib
import pathlib
import re
import secrets
import sqlite3
import stat
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

# An engine's own output, which Setpoint does not write. Only the plane's user may read it.
ENGINE_OUTPUT = re.compile(r"^replicas/[^/]+/output\.log[^/]*$")
# Where secrets are meant to be.
HOMES = re.compile(r"^(secrets/.+|token)$")
DATABASE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Planted:
    """A secret; `homes` matches the files, and `shown` the titles of the outputs, that are documented to have it."""

    name: str
    value: str
    homes: str | None = None
    shown: str | None = None

    @property
    def forms(self) -> dict[str, list[bytes]]:
        plain = self.value.encode()
        return {
            "plain": [plain, plain.replace(b"/", b"\\/")],
            "percent-encoded": [urllib.parse.quote(self.value, safe="").encode()],
            "base64": list(encoded(plain)),
        }

    def forms_in(self, content: bytes) -> list[str]:
        return [form for form, texts in self.forms.items() if any(text in content for text in texts)]

    def may_be_in(self, file: str) -> bool:
        return self.homes is not None and re.search(self.homes, file) is not None

    def may_be_shown_by(self, title: str) -> bool:
        return self.shown is not None and re.search(self.shown, title) is not None


def encoded(text: bytes) -> Iterator[bytes]:
    """What base64 makes of the text at any place of a longer text, without the digits that depend on its neighbors."""
    for before in range(3):
        digits = base64.b64encode(b"\0" * before + text).rstrip(b"=")
        digits = digits[(0, 2, 3)[before] : len(digits) - bool((before + len(text)) % 3)]
        yield digits
        yield digits.replace(b"+", b"-").replace(b"/", b"_")


def make(name: str, is_word: bool = False, **places: str) -> Planted:
    """A new secret. Unless it must be a word, it has characters that are encoded in URLs."""
    random = secrets.token_hex(12)
    return Planted(name, f"planted{random}" if is_word else f"planted/{random}+x=", **places)


@dataclass
class Search:
    """The search for secrets. `found` lists each place, never the secret itself."""

    planted: list[Planted]
    found: list[str] = field(default_factory=list)
    looked_at: int = 0

    def look_in_output(self, title: str, content: bytes) -> None:
        self.looked_at += 1
        for secret in self.planted:
            if not secret.may_be_shown_by(title):
                self.found += [f"{secret.name} ({form}) in the output of {title}" for form in secret.forms_in(content)]

    def look_in_files(self, folder: pathlib.Path) -> None:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink() or not path.is_file() or ENGINE_OUTPUT.match(name) or HOMES.match(name):
                continue
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile, as a replica's files are
                self.look_in_file(name, path)

    def look_in_file(self, name: str, path: pathlib.Path) -> None:
        self.looked_at += 1
        content = path.read_bytes()
        # A long value is stored in several pages of a database, so its rows are read too.
        texts = [content, rows(path)] if content.startswith(DATABASE) else [content]
        for secret in self.planted:
            if not secret.may_be_in(name):
                forms = sorted({form for text in texts for form in secret.forms_in(text)})
                self.found += [f"{secret.name} ({form}) in {name}" for form in forms]


def rows(database: pathlib.Path) -> bytes:
    """Every row of a database, as SQL."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
        store.text_factory = lambda text: text.decode(errors="replace")
        return "\n".join(store.iterdump()).encode()


def readable_by_others(folder: pathlib.Path, kinds: Iterable[re.Pattern[str]]) -> list[str]:
    """The files of these kinds that anybody but their owner may use."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.is_file() and any(kind.match(name) for kind in kinds) and mode & 0o077:
                found.append(f"{name} has mode {oct(mode)}")
    return found

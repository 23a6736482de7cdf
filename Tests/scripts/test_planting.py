"""scripts/story/planting.py: a secret is found in every form, in files, databases and outputs, except where it may be."""

import base64
import contextlib
import pathlib
import sqlite3
import sys
import tempfile
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from story import planting  # noqa: E402
from story.planting import Planted, Search  # noqa: E402

SECRET = Planted("a password", "planted/0a1b2c3d4e+x=", homes=r"^models/", shown=r"^setpoint get")


class PlantingTests(unittest.TestCase):
    def found_in(self, content: bytes, title: str = "setpoint logs") -> list[str]:
        search = Search([SECRET])
        search.look_in_output(title, content)
        return search.found

    def found_below(self, name: str, content: bytes) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            search = Search([SECRET])
            search.look_in_files(pathlib.Path(folder))
            return search.found

    def test_each_form_is_found(self):
        value = SECRET.value
        for text in (value, value.replace("/", "\\/"), urllib.parse.quote(value, safe="")):
            self.assertEqual(len(self.found_in(f"x{text}y".encode())), 1, text)

    def test_base64_is_found_at_every_offset(self):
        for before in ("", "u", "us", "user:", "mailer:"):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                self.assertEqual(len(self.found_in(encode(f"{before}{SECRET.value}, more".encode()))), 1, before)

    def test_nothing_is_found_where_nothing_is(self):
        self.assertEqual(self.found_in(b"planted/0a1b2c3d4f+x="), [])

    def test_what_was_found_does_not_repeat_the_secret(self):
        self.assertNotIn(SECRET.value, "".join(self.found_in(SECRET.value.encode())))

    def test_the_places_that_may_have_it_are_skipped(self):
        content = SECRET.value.encode()
        self.assertEqual(self.found_in(content, "setpoint get -o json"), [])
        for name in ("models/a/MLmodel", "secrets/app/key", "token", "replicas/r1/output.log", "replicas/r1/output.log.1"):
            self.assertEqual(self.found_below(name, content), [], name)
        for name in ("plane.log", "replicas/r1/state.json", "replicas/output.log", "tokens"):
            self.assertEqual(len(self.found_below(name, content)), 1, name)

    def test_a_value_across_the_pages_of_a_database_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "telemetry.sqlite"
            with contextlib.closing(sqlite3.connect(path)) as store, store:
                store.execute("CREATE TABLE otel_logs (body TEXT)")
                for length in range(4000, 4100):
                    store.execute("INSERT INTO otel_logs VALUES (?)", ("x" * length + SECRET.value,))
            self.assertIn(SECRET.value.encode(), planting.rows(path))
            search = Search([SECRET])
            search.look_in_files(pathlib.Path(folder))
            self.assertEqual(len(search.found), 1)


if __name__ == "__main__":
    unittest.main()

"""scripts/story/accounts.py: a request that is missing, there twice, or recorded otherwise than it ended is found."""

import contextlib
import pathlib
import sqlite3
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from story.accounts import Accounts, Fate  # noqa: E402
from story.ledger import End, Ending, Request  # noqa: E402
from story.rush import STRANGER  # noqa: E402

ANSWERED = Fate(Request("a", "plain", "chat"), "ci", Ending(End.ANSWERED, 200))
REFUSED = Fate(Request("b", "stranger", "chat"), STRANGER, Ending(End.REFUSED, 401))
LEFT = Fate(Request("c", "leaver", "chat"), "ci", Ending(End.LEFT, 200))
CUT = Fate(Request("d", "plain", "chat", plane_is_killed=True), "ci", Ending(End.CUT))
FATES = (ANSWERED, REFUSED, LEFT, CUT)
# What was sent without a valid token leaves no row.
ROWS = (("a", "ci", 200), ("c", "ci", 499))


class AccountsTests(unittest.TestCase):
    def wrong(self, *rows: tuple, dropped: int = 0, fates: tuple[Fate, ...] = FATES) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "telemetry.sqlite"
            with contextlib.closing(sqlite3.connect(path)) as store, store:
                store.execute("CREATE TABLE requests (request_id TEXT, principal TEXT, status INTEGER)")
                store.execute("CREATE TABLE telemetry_dropped (table_name TEXT, cause TEXT, rows INTEGER)")
                store.executemany("INSERT INTO requests VALUES (?, ?, ?)", rows)
                store.execute("INSERT INTO telemetry_dropped VALUES ('requests', 'killed', ?)", (dropped,))
                store.execute("INSERT INTO telemetry_dropped VALUES ('otel_logs', 'killed', 1000)")
            with Accounts(path, fates) as accounts:
                return accounts.violations()

    def test_rows_that_say_what_happened_are_right(self):
        self.assertEqual(self.wrong(*ROWS), [])

    def test_what_was_cut_off_may_have_a_row(self):
        self.assertEqual(self.wrong(*ROWS, ("d", "ci", 200)), [])

    def test_a_missing_row_is_found_unless_it_was_dropped(self):
        self.assertEqual(len(self.wrong(*ROWS[1:])), 1)
        self.assertEqual(self.wrong(*ROWS[1:], dropped=1), [])

    def test_a_caller_who_left_during_the_response_needs_a_row(self):
        self.assertEqual(len(self.wrong(*ROWS[:1])), 1)

    def test_more_drops_than_requests_without_a_row_are_found(self):
        self.assertEqual(self.wrong(*ROWS, dropped=1), [])  # the request that was cut off
        self.assertEqual(len(self.wrong(*ROWS, dropped=2)), 1)

    def test_a_second_row_is_found(self):
        self.assertTrue(any("2 rows" in words for words in self.wrong(*ROWS, ROWS[0])))

    def test_a_row_that_nobody_caused_is_found(self):
        self.assertEqual(len(self.wrong(*ROWS, ("x", "ci", 200))), 1)

    def test_another_status_or_principal_is_found(self):
        self.assertTrue(self.wrong(("a", "ci", 500), *ROWS[1:]))
        self.assertTrue(self.wrong(("a", "ann", 200), *ROWS[1:]))

    def test_a_row_without_a_valid_token_is_found(self):
        self.assertEqual(len(self.wrong(*ROWS, ("b", None, 401))), 1)


if __name__ == "__main__":
    unittest.main()

"""Compares the rows of a plane's table `requests` with what happened to the requests for their callers."""

import collections
import contextlib
import pathlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from story.ledger import End, Ending, Request
from story.rush import STRANGER

COMPLETE = (End.ANSWERED, End.REFUSED, End.BROKEN)
# Everything that a request's row is compared with. Requests without a valid token are not in it: they leave no row.
SCHEMA = "CREATE TABLE sent (id TEXT PRIMARY KEY, principal TEXT, status INTEGER, fate TEXT, noticed INTEGER)"
SUMS = "SELECT principal, status, count(*) AS requests FROM requests GROUP BY principal, status"


@dataclass(frozen=True)
class Fate:
    """How a request ended for its caller."""

    request: Request
    principal: str
    ending: Ending

    @property
    def row(self) -> tuple[str, str, int, str, bool]:
        ending, complete = self.ending, self.ending.end in COMPLETE
        # A plane that was not killed notices a caller who hung up after the response had begun.
        left = ending.end is End.LEFT and ending.status > 0 and not self.request.plane_is_killed
        fate = "complete" if complete else ending.end.value
        return self.request.id, self.principal, ending.status, fate, complete or left


class Accounts:
    """`with Accounts(...) as accounts:` has the driver's table `sent` beside the plane's, which are only read."""

    def __init__(self, telemetry: pathlib.Path, fates: Iterable[Fate]):
        self.store = sqlite3.connect(":memory:", uri=True)
        self.store.execute("ATTACH ? AS plane", (f"file:{telemetry}?mode=ro",))
        self.store.execute(SCHEMA)
        self.store.executemany("INSERT INTO sent VALUES (?, ?, ?, ?, ?)", self.known(fates))

    @staticmethod
    def known(fates: Iterable[Fate]) -> Iterable[tuple]:
        return (fate.row for fate in fates if fate.principal != STRANGER)

    def __enter__(self) -> "Accounts":
        return self

    def __exit__(self, *_) -> None:
        self.store.close()

    def rows(self, statement: str) -> list[tuple]:
        return self.store.execute(statement).fetchall()

    def number(self, statement: str) -> int:
        return self.rows(statement)[0][0] or 0

    @property
    def recorded(self) -> int:
        return self.number("SELECT count(*) FROM plane.requests")

    @property
    def dropped(self) -> int:
        """The requests that the plane counted as dropped."""
        return self.number("SELECT sum(rows) FROM plane.telemetry_dropped WHERE table_name = 'requests'")

    @property
    def causes(self) -> dict[str, int]:
        """The same by cause."""
        return dict(
            self.rows("SELECT cause, sum(rows) FROM plane.telemetry_dropped WHERE table_name = 'requests' GROUP BY 1")
        )

    @property
    def repeated(self) -> list[tuple]:
        return self.rows("SELECT request_id, count(*) FROM plane.requests GROUP BY 1 HAVING count(*) > 1")

    @property
    def unknown(self) -> list[tuple]:
        """Rows of requests that nobody sent, or nobody with a valid token."""
        return self.rows("SELECT request_id FROM plane.requests WHERE request_id NOT IN (SELECT id FROM sent)")

    @property
    def missing(self) -> list[tuple]:
        """Requests that must have a row, and have none."""
        return self.rows(
            "SELECT id, principal, status FROM sent WHERE noticed AND id NOT IN (SELECT request_id FROM plane.requests)"
        )

    @property
    def without_row(self) -> int:
        return self.number("SELECT count(*) FROM sent WHERE id NOT IN (SELECT request_id FROM plane.requests)")

    @property
    def different(self) -> list[tuple]:
        """Complete responses whose rows say something else."""
        return self.rows(
            "SELECT id, sent.principal, kept.principal, sent.status, kept.status FROM sent "
            "JOIN plane.requests AS kept ON kept.request_id = id "
            "WHERE fate = 'complete' AND (sent.status <> kept.status OR sent.principal IS NOT kept.principal)"
        )

    @property
    def differences(self) -> dict[tuple[str | None, int], int]:
        """By principal and status: how many complete responses the driver has more than the table, without those that
        are missing."""
        sums = collections.Counter()
        for principal, status, count in self.rows(
            "SELECT principal, status, count(*) FROM sent WHERE fate = 'complete' GROUP BY 1, 2"
        ):
            sums[principal, status] += count
        for principal, status, count in self.rows(
            "SELECT principal, status, count(*) FROM plane.requests "
            "WHERE request_id IN (SELECT id FROM sent WHERE fate = 'complete') GROUP BY 1, 2"
        ):
            sums[principal, status] -= count
        for _, principal, status in self.rows(
            "SELECT id, principal, status FROM sent WHERE fate = 'complete' "
            "AND id NOT IN (SELECT request_id FROM plane.requests)"
        ):
            sums[principal, status] -= 1
        return {key: difference for key, difference in sums.items() if difference}

    @property
    def sums(self) -> collections.Counter[tuple[str | None, int]]:
        """The rows by principal and status."""
        return collections.Counter({(principal, status): count for principal, status, count in self.rows(SUMS)})

    def violations(self) -> list[str]:
        """Everything that must not be, in words; nothing if the sums agree."""
        found = [f"{id} has {count} rows" for id, count in self.repeated]
        found += [f"{id} was not sent with a valid token, and has a row" for (id,) in self.unknown]
        found += [
            f"{id} of {sender} got {status}; its row has {recorded} of {principal}"
            for id, sender, principal, status, recorded in self.different
        ]
        found += [f"{sender} with {status}: {count} too few" for (sender, status), count in self.differences.items()]
        missing, dropped = self.missing, self.dropped
        if len(missing) > dropped:
            found.append(f"{len(missing)} requests have no row, and only {dropped} were dropped: {missing[:5]}")
        if dropped > self.without_row:
            found.append(f"{dropped} requests were dropped, but only {self.without_row} have no row")
        return found


def is_complete(telemetry: pathlib.Path, fates: list[Fate]) -> bool:
    """Whether everything that must be in the table has been written, or counted as dropped."""
    with contextlib.suppress(sqlite3.OperationalError), Accounts(telemetry, fates) as accounts:
        return len(accounts.missing) <= accounts.dropped
    return False

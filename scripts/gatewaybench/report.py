"""The tables, and the judgement of the bounds."""

from collections.abc import Iterator

from gatewaybench.cases import BOUNDS, CASES, LEAST_READS, Bound, Case, Summaries, Summary
from gatewaybench.gateways import SETPOINT

COMPARED = ("vllm-router", "envoy")


def ratio(summary: Summary, other: Summary | None) -> str:
    return f"{summary.cpu / other.cpu:.2f}" if other and other.cpu > 0 else "-"


def table(case: Case, summaries: dict[str, Summary]) -> list[str]:
    """The table of one case, with its title."""
    latency = "stream" if case.streams else "response"
    heads = ["gateway", f"{case.unit}s/s", f"{latency} p50", "p99", f"CPU per {case.unit}"]
    heads += [f"× {name}" for name in COMPARED] + ["memory", "failed"] + ["reads per chunk"] * case.streams
    rows = [heads]
    for name, summary in summaries.items():
        row = [name, f"{summary.rate:.0f}", f"{summary.p50:.2f} ms", f"{summary.p99:.2f} ms", f"{summary.cpu:.1f} µs"]
        row += [ratio(summary, summaries.get(other)) for other in COMPARED]
        row += [f"{summary.megabytes:.0f} MB", str(summary.failed)] + [f"{summary.reads:.2f}"] * case.streams
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) if number else cell.ljust(width) for number, (cell, width) in enumerate(columns))
        for columns in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return [case.title, *lines]


def verdict(met: bool, words: str) -> tuple[bool, str]:
    return met, f"{'ok    ' if met else 'MISSED'}  {words}"


def judge(bound: Bound, case: Case, summaries: dict[str, Summary]) -> tuple[bool, str]:
    """Whether the bound is met, and the line that says so. A bound whose peer was not measured counts as met."""
    words = bound.words(case)
    if bound.peer not in summaries:
        return True, f"-       {words}: not measured"
    plane, peer = summaries[SETPOINT], summaries[bound.peer]
    figures = getattr(plane, bound.figure), getattr(peer, bound.figure)
    if min(figures) <= 0:
        return verdict(False, f"{words}: a figure is 0; measure for longer with --seconds")
    if case.streams and plane.reads < LEAST_READS * peer.reads:
        return verdict(False, f"{words}: not comparable, because the plane joins chunks")
    share = figures[0] / figures[1]
    goal = "" if bound.goal is None else f" (goal {bound.goal:g}: {'met' if share <= bound.goal else 'not met'})"
    return verdict(share <= bound.most, f"{words}: {share:.2f}{goal}")


def judgements(measured: Summaries) -> Iterator[tuple[bool, str]]:
    """Each bound of the measured cases, then the gateways with failed requests."""
    cases = {case.name: case for case in CASES}
    for bound in BOUNDS:
        if bound.case in measured:
            yield judge(bound, cases[bound.case], measured[bound.case])
    failures = [
        f"{cases[name].title}: {summary.failed} requests failed on {gateway}: {summary.reason}"
        for name, summaries in measured.items()
        for gateway, summary in summaries.items()
        if summary.failed
    ]
    yield from (verdict(False, words) for words in failures)
    if not failures:
        yield verdict(True, "no request failed")

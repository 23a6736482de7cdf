"""The claims of a script, each printed as it is checked; the script's exit status shows whether all were true."""

failures = 0


def check(claim: str, holds: object, seen: object = None) -> None:
    global failures
    if holds:
        print(f"ok     {claim}", flush=True)
    else:
        failures += 1
        print(f"FAILED {claim}; but saw: {seen!r}", flush=True)


def exit_status() -> int:
    return 1 if failures else 0

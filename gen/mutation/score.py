"""Scores of units from the records of their cases."""

from collections.abc import Iterable

__all__ = ["scores", "survivors"]

_NO_FAULT = ("equivalent", "unreachable")


def scores(records: Iterable[dict]) -> list[dict]:
    """A row for each unit, and one for all.

    ``score`` is the share, in percent, of mutants that the bench notices, or that are proved to be
    no fault; ``resets`` and ``resets_score`` are numbers of lost resets alone. ``accepted`` are
    survivors with a reason in the list, which do not count.
    """
    units: dict[str, list[dict]] = {}
    cases: dict[str, int] = {}
    for record in records:
        units.setdefault(record["unit"], []).extend(record["mutants"])
        cases[record["unit"]] = cases.get(record["unit"], 0) + 1
    rows = [_row(unit, cases[unit], mutants) for unit, mutants in units.items()]
    if len(rows) > 1:
        every = [mutant for mutants in units.values() for mutant in mutants]
        rows.append(_row("all", sum(cases.values()), every))
    return rows


def _row(unit, cases, mutants):
    states = [_state(mutant) for mutant in mutants]
    counted = {
        state.replace(" ", "_"): states.count(state)
        for state in ("killed", "timed out", *_NO_FAULT, "accepted", "survived")
    }
    return {
        "unit": unit,
        "cases": cases,
        "mutants": len(mutants),
        **counted,
        "score": _score(states),
        "resets": sum(mutant["reset"] for mutant in mutants),
        "resets_score": _score([_state(mutant) for mutant in mutants if mutant["reset"]]),
    }


def _state(mutant):
    return "accepted" if mutant.get("accepted") else mutant["state"]


def _score(states):
    counted = [state for state in states if state != "accepted"]
    noticed = sum(state != "survived" for state in counted)
    return round(100 * noticed / len(counted), 1) if counted else None


def survivors(records: Iterable[dict]) -> list[dict]:
    """A row for each mutant that survived and is not accepted."""
    return [
        {"unit": record["unit"], "case": record["case"]}
        | {name: mutant[name] for name in ("location", "reason", "line")}
        for record in records
        for mutant in record["mutants"]
        if _state(mutant) == "survived"
    ]

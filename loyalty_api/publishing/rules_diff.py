"""Two program documents side by side: what is new, gone or changed, by rule and by setting, in people's units. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loyalty_api.language import Catalogue, catalogue

LISTS = {
    "rule": ("earn", "rules"),
    "event": ("earn", "events"),
    "level": ("tiers", "levels"),
    "promotion": ("promotions",),
}
"""The lists whose items have an id, by what an item is."""
_MONEY = frozenset(("amount", "minimum_basket", "smallest_basket", "verify_above"))
_POINTS = frozenset(("points", "cap_per_purchase", "budget"))
_UNSAID: Any = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of a rule, level, promotion or event (``about`` and its ``item``), or of a setting.

    ``what`` is ``added``, ``removed`` or ``changed``; ``path`` is the member that changed, with its value before and
    after, and whether it was said: a setting may be null.
    """

    about: str
    item: str | None
    what: str
    path: str = ""
    old: Any = None
    old_said: bool = False
    new: Any = None
    new_said: bool = False


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every difference between two documents, settings first."""
    found = [*_members("setting", None, _settings(old), _settings(new))]
    for about, path in LISTS.items():
        before, after = _items(old, path), _items(new, path)
        for item in [*before, *[item for item in after if item not in before]]:
            if item not in after:
                found.append(Change(about, item, "removed", old=before[item]))
            elif item not in before:
                found.append(Change(about, item, "added", new=after[item]))
            else:
                found += _members(about, item, before[item], after[item])
    return tuple(found)


def _items(document: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return {item["id"]: item for item in found or () if isinstance(item, Mapping) and "id" in item}


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without the lists whose items are told one by one."""
    kept = dict(document)
    for *sections, name in LISTS.values():
        if not sections:
            kept.pop(name, None)
        elif isinstance(kept.get(sections[0]), Mapping):
            kept[sections[0]] = {key: value for key, value in kept[sections[0]].items() if key != name}
    return {name: value for name, value in kept.items() if value != {}}


def _members(about: str, item: str | None, old: Any, new: Any) -> Iterator[Change]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for path in [*before, *[path for path in after if path not in before]]:
        was, now = before.get(path, _UNSAID), after.get(path, _UNSAID)
        if was is _UNSAID or now is _UNSAID:
            yield Change(about, item, "changed", path, *_unless(was), *_unless(now))
        elif was != now or type(was) is not type(now):
            yield Change(about, item, "changed", path, was, True, now, True)


def _unless(value: Any) -> tuple[Any, bool]:
    """A value and whether it was said at all."""
    return (None, False) if value is _UNSAID else (value, True)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Members by their path; lists are values of their own."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif path:
        yield path, value


def told(change: Change, *, currency: str, language: str) -> str:
    """A change in a line: ``Rule "base": points_per.amount 1.00 NOK → 0.50 NOK``."""
    words = catalogue(language)
    about = words.say("diff", change.about, item=change.item or "")
    if change.what != "changed":
        item = change.new if change.what == "added" else change.old
        members = [
            f"{path} {_shown(path, value, currency, words)}" for path, value in _flat(item) if path != "id"
        ]
        return f"{about}: {words.say('diff', change.what)} ({', '.join(members)})"
    old, new = (
        _shown(change.path, value, currency, words) if said else words.say("diff", "unsaid")
        for value, said in ((change.old, change.old_said), (change.new, change.new_said))
    )
    return f"{about}: {change.path} {old} → {new}"


def _shown(path: str, value: Any, currency: str, words: Catalogue) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return f"[{', '.join([_shown(path, one, currency, words) for one in value])}]"
    if isinstance(value, Mapping):
        inner = [f"{name} {_shown(f'{path}.{name}', one, currency, words)}" for name, one in value.items()]
        return f"{{{', '.join(inner)}}}"
    if type(value) is int:
        return _number(path.split("."), value, currency, words)
    return value if isinstance(value, str) else json.dumps(value)


def _number(names: list[str], value: int, currency: str, words: Catalogue) -> str:
    if names[-1] in _MONEY or "amount" in names or (names[-1] == "from" and "steps" in names):
        return words.money(value, currency)
    return words.points(value) if names[-1] in _POINTS else str(value)

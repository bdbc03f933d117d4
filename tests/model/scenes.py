"""The pairs that can collide, each made ready anew for every schedule: who does what to whom at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

from loyalty_api.redemptions import rewarding
from tests.model import scenes_ends
from tests.model.exploring import Scene
from tests.model.street import Street
from tests.model.twins import BEGIN, Twin

_DEAD = BEGIN + timedelta(days=31)
"""When the points of a purchase at the beginning have expired."""
_LAST = BEGIN + timedelta(days=30)
"""When they are still there."""
_ENDED = BEGIN + timedelta(hours=2)
"""When what a till held at the beginning has come back."""


def two_redeem(street: Street) -> Scene:
    """Two tills want 60 of 100 points."""
    one, other, _ = street.tills
    twin = street.member(100)
    works = {"A": street.holding(one, twin), "B": street.holding(other, twin)}
    return Scene(works, partial(street.look, [twin]))


def three_redeem(street: Street) -> Scene:
    """Three tills want 40 of 100 points."""
    twin = street.member(100)
    works = {name: street.holding(till, twin, 40) for name, till in zip("ABC", street.tills, strict=True)}
    return Scene(works, partial(street.look, [twin]))


def redeem_while_points_expire(street: Street) -> Scene:
    """A till uses points on their last day while the job of the next one takes them away."""
    twin = street.member(100)
    works = {
        "redeem": street.holding(street.tills[0], twin, now=_LAST),
        "settle": street.job("settle", _DEAD),
    }
    return Scene(works, partial(street.look, [twin], now=_DEAD))


def redeem_while_goods_come_back(street: Street) -> Scene:
    """The points are used while the goods that gave them come back."""
    one, other, _ = street.tills
    twin = street.member(100)
    works = {"redeem": street.holding(one, twin), "return": street.bringing(other, twin, 1)}
    return Scene(works, partial(street.look, [twin]))


def two_returns(street: Street) -> Scene:
    """Two counters take back two of three units."""
    one, other, _ = street.tills
    twin = street.member(100, units=3)
    works = {"A": street.bringing(one, twin, 2), "B": street.bringing(other, twin, 2)}
    return Scene(works, partial(street.look, [twin]))


def one_return_twice(street: Street) -> Scene:
    """A return is sent again before it is answered."""
    twin = street.member(100, units=3)
    number = f"twice-{twin.member_id.hex}"
    works = {
        name: street.bringing(till, twin, 1, number=number)
        for name, till in zip("AB", street.tills, strict=False)
    }
    return Scene(works, partial(street.look, [twin]))


def one_receipt_twice(street: Street) -> Scene:
    """A purchase is sent again before it is answered; the member has never had a point."""
    twin = street.member()
    number = f"twice-{twin.member_id.hex}"
    works = {
        name: street.buying(till, twin, number=number) for name, till in zip("AB", street.tills, strict=False)
    }
    return Scene(works, partial(street.look, [twin]))


def two_first_purchases(street: Street) -> Scene:
    """Two purchases at once of a member who has never had a point."""
    twin = street.member()
    works = {name: street.buying(till, twin) for name, till in zip("AB", street.tills, strict=False)}
    return Scene(works, partial(street.look, [twin]))


def two_first_purchases_by_card(street: Street) -> Scene:
    """The same, and the card is scanned."""
    twin = street.member(with_card=True)
    works = {name: street.buying(till, twin) for name, till in zip("AB", street.tills, strict=False)}
    return Scene(works, partial(street.look, [twin]))


def one_key_twice(street: Street) -> Scene:
    """A purchase is sent again under its key, over HTTP: both hear the same."""
    twin, heard = street.member(), list[bytes]()
    key = f"key-{twin.member_id.hex}"
    for till in street.tills:
        till.token()
    works = {
        name: street.posting(till, twin, key=key, heard=heard)
        for name, till in zip("AB", street.tills, strict=False)
    }
    return Scene(works, lambda: (street.look([twin]), len(set(heard))))


def last_piece(street: Street) -> Scene:
    """Two members want the last piece of a reward."""
    one, other, _ = street.tills
    reward, twins = street.reward(1), [street.member(100), street.member(100)]
    works = {
        "A": street.holding(one, twins[0], reward=reward),
        "B": street.holding(other, twins[1], reward=reward),
    }
    return Scene(works, partial(street.look, twins, reward))


def last_piece_that_comes_back(street: Street) -> Scene:
    """Two members want the last piece, which a hold of a third one has kept until now, and the job lets go of it."""
    one, other, last = street.tills
    reward, twins = street.reward(1), [street.member(100) for _ in range(3)]
    assert street.holding(last, twins[2], reward=reward)() == "held"
    works = {
        "A": street.holding(one, twins[0], reward=reward, now=_ENDED),
        "B": street.holding(other, twins[1], reward=reward, now=_ENDED),
        "job": street.job("release_holds", _ENDED),
    }
    return Scene(works, partial(street.look, twins, reward, now=_ENDED))


def one_code_twice(street: Street) -> Scene:
    """A code is shown at two tills."""
    one, other, _ = street.tills
    twin = street.member(100)
    redemption_id = _held(street, twin, reward=street.reward(None))
    code = rewarding.code_of(one.desk.vault, redemption_id)
    works = {"A": street.using(one, code), "B": street.using(other, code)}
    return Scene(works, partial(street.look, [twin]))


def capture_while_the_hold_ends(street: Street) -> Scene:
    """A capture that happened in time arrives while the job notes that the hold has ended."""
    twin = street.member(100)
    redemption_id = _held(street, twin)
    capture = street.step(
        street.tills[0], "capture", redemption_id, now=_ENDED, points=None, occurred_at=BEGIN
    )
    works = {"capture": capture, "job": street.job("release_holds", _ENDED)}
    return Scene(works, partial(street.look, [twin], now=_ENDED))


def capture_and_release(street: Street) -> Scene:
    """One till captures and another lets go; a third one captures less."""
    one, other, last = street.tills
    twin = street.member(100)
    redemption_id = _held(street, twin)
    works = {
        "capture": street.step(one, "capture", redemption_id, points=None, occurred_at=BEGIN),
        "release": street.step(other, "release", redemption_id, occurred_at=BEGIN),
        "a part": street.step(last, "capture", redemption_id, points=10, occurred_at=BEGIN),
    }
    return Scene(works, partial(street.look, [twin]))


def two_reversals(street: Street) -> Scene:
    """What was used is given back at two tills, 40 of 60 points each."""
    one, other, _ = street.tills
    twin = street.member(100)
    redemption_id = _held(street, twin)
    assert street.step(one, "capture", redemption_id, points=None, occurred_at=BEGIN)() == "done"
    works = {
        name: street.step(till, "reverse", redemption_id, points=40, reason="x")
        for name, till in (("A", one), ("B", other))
    }
    return Scene(works, partial(street.look, [twin]))


def void_and_return(street: Street) -> Scene:
    """A sale is undone while one of its units comes back."""
    one, other, _ = street.tills
    twin = street.member(100, units=3)
    works = {"return": street.bringing(other, twin, 1), "void": street.voiding(one, twin)}
    return Scene(works, partial(street.look, [twin]))


def undo_and_return(street: Street) -> Scene:
    """A return is undone while another unit comes back."""
    one, other, _ = street.tills
    twin = street.member(100, units=3)
    twin.step(("bring_back", 0, 1), BEGIN)
    works = {"return": street.bringing(other, twin, 1), "undo": street.undoing(one, twin)}
    return Scene(works, partial(street.look, [twin]))


def _held(street: Street, twin: Twin, *, reward: UUID | None = None) -> UUID:
    """A hold of the member's, made before the scene."""
    redemption_id = UUID(int=next(street.world.numbers) + 1 << 64)
    assert street.holding(street.tills[0], twin, reward=reward)() == "held"
    return redemption_id


SCENES: Mapping[str, Callable[[Street], Scene]] = {
    scene.__name__: scene
    for scene in (
        two_redeem, three_redeem, redeem_while_points_expire, redeem_while_goods_come_back, two_returns,
        one_return_twice, one_receipt_twice, two_first_purchases,
        two_first_purchases_by_card, one_key_twice, last_piece, last_piece_that_comes_back,
        one_code_twice, capture_while_the_hold_ends, capture_and_release, two_reversals, void_and_return,
        undo_and_return,
    )
} | scenes_ends.SCENES  # fmt: skip

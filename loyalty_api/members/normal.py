"""One spelling for each identifier, so that what was enrolled is found however it is written.

| kind | form |
|---|---|
| card, app_code | 4 to 64 letters and digits in capitals; spaces and hyphens are for the eye |
| phone | E.164; the country is never guessed, so a number starts with ``+`` |
| email | as the standard has it, in small letters: no provider in use tells capitals apart |
| payment_card | a token of the payment provider, exactly as given; a card's own number is refused |
| subject | ``<issuer>|<subject>`` of an identity provider, exactly as given |
| staff | how tills and staff clients name somebody who works here: 1 to 64 signs in capitals |
"""

from __future__ import annotations

import re
from collections.abc import Callable

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from loyalty_api.codes import luhn_holds
from loyalty_api.errors import Fault, Invalid
from loyalty_api.members.rules import IdentifierKind

_CODE = re.compile(r"[A-Z0-9]{4,64}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{8,200}", re.ASCII)
_STAFF = re.compile(r"[!-~]{1,64}", re.ASCII)
_SUBJECT = re.compile(r"[^|\s]{1,200}\|[^\s\x00-\x1f]{1,200}")


class BadIdentifier(Invalid):
    """The value cannot be an identifier of its kind."""


def normalise(kind: IdentifierKind, value: str, pointer: str = "") -> str:
    """The one spelling of ``value``; ``pointer`` says where in the request it stood.

    :raises BadIdentifier: no identifier of this kind is written like that.
    """
    try:
        return _FORMS[kind](value)
    except ValueError as error:
        raise BadIdentifier(str(error), errors=[Fault(pointer, f"bad_{kind}", str(error))]) from error


def _code(value: str) -> str:
    plain = value.replace(" ", "").replace("-", "").upper()
    if not _CODE.fullmatch(plain):
        raise ValueError("A card or code has 4 to 64 letters and digits.")
    return plain


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError("Write the phone number with + and the code of its country.") from error
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE or number.extension:
        raise ValueError("There is no such phone number.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _email(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError("This is not an e-mail address.") from error


def _payment_card(value: str) -> str:
    digits = value.replace(" ", "").replace("-", "")
    if 12 <= len(digits) <= 19 and luhn_holds(digits):
        raise ValueError("Send the payment provider's token, never the number of a payment card.")
    if not _TOKEN.fullmatch(value):
        raise ValueError("A payment card's token has 8 to 200 printable ASCII characters.")
    return value


def _subject(value: str) -> str:
    if not _SUBJECT.fullmatch(value):
        raise ValueError("Write it as issuer|subject.")
    return value


def _staff(value: str) -> str:
    plain = value.strip().upper()
    if not _STAFF.fullmatch(plain):
        raise ValueError("A reference of the staff has 1 to 64 printable ASCII characters without spaces.")
    return plain


_FORMS: dict[IdentifierKind, Callable[[str], str]] = {
    "card": _code,
    "app_code": _code,
    "phone": _phone,
    "email": _email,
    "payment_card": _payment_card,
    "subject": _subject,
    "staff": _staff,
}

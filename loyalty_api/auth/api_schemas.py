"""What signing in reads and answers, and the names that the standards give to its parts."""

from __future__ import annotations

import marshmallow as ma

from loyalty_api.fields import Schema, Text, Whole

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, not a secret
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
SUBJECT_TYPES = frozenset(
    {"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"}
)


class TokenForm(Schema):
    """What a client sends for a token, as a form; its id and secret here or in HTTP Basic."""

    grant_type = Text(required=True, metadata={"enum": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE]})
    client_id = Text()
    client_secret = Text()
    scope = Text(longest=2000, metadata={"description": "fewer scopes than the client has, space-separated"})
    subject_token = Text(longest=8192, metadata={"description": "token exchange: the member's sign-in token"})
    subject_token_type = Text(metadata={"enum": sorted(SUBJECT_TYPES)})
    requested_token_type = Text(metadata={"enum": [ACCESS_TOKEN]})


class TokenSchema(Schema):
    """An access token (RFC 6749, section 5.1; RFC 8693, section 2.2.1)."""

    access_token = Text(required=True, longest=4096)
    token_type = Text(required=True, metadata={"enum": ["Bearer"]})
    expires_in = Whole(required=True, metadata={"description": "seconds"})
    scope = Text(required=True, longest=2000)
    issued_token_type = Text()


class RefusalSchema(Schema):
    """Why no token is issued, in the words of RFC 6749, section 5.2."""

    error = Text(required=True)
    error_description = Text()


class JwkSchema(Schema):
    """One public key (RFC 7517)."""

    kty = Text(required=True)
    crv = Text(required=True)
    x = Text(required=True)
    y = Text(required=True)
    kid = Text(required=True)
    use = Text(required=True)
    alg = Text(required=True)


class JwkSetSchema(Schema):
    """The public keys that access tokens are signed with."""

    keys = ma.fields.List(ma.fields.Nested(JwkSchema()), required=True)


class ServerSchema(Schema):
    """This authorization server's abilities (RFC 8414)."""

    issuer = Text(required=True)
    token_endpoint = Text(required=True)
    jwks_uri = Text(required=True)
    scopes_supported = ma.fields.List(Text(), required=True)
    response_types_supported = ma.fields.List(Text(), required=True)
    grant_types_supported = ma.fields.List(Text(), required=True)
    token_endpoint_auth_methods_supported = ma.fields.List(Text(), required=True)

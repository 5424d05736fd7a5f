"""Bearer tokens and signed addresses: made and checked with one secret of the archive."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any, Optional
from urllib.parse import quote


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Seal:
    """Whoever holds `secret` makes and checks; nothing is kept."""

    def __init__(self, secret: str = "") -> None:
        self.secret = secret or secrets.token_hex(16)

    def _mac(self, text: str) -> bytes:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).digest()

    def token(self, user: str, lifetime_s: float) -> str:
        """A JWT in form: header.claims.signature, with claims uid and exp (Unix seconds)."""
        now = int(time.time())
        claims = {"type": "User", "uid": user, "jti": secrets.token_hex(12), "iat": now, "exp": int(now + lifetime_s)}
        parts = [_encode(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims)]
        return ".".join((*parts, _encode(self._mac(".".join(parts)))))

    def user_of(self, token: str, now: Optional[float] = None) -> Optional[str]:
        """The uid of a token made here that has not expired, else None."""
        signed, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), _encode(self._mac(signed)).encode()):
            return None
        claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
        return claims["uid"] if claims["exp"] > (time.time() if now is None else now) else None

    def signed(self, path: str, user: str, expires: float, epoch: int) -> str:
        """`path` with the query that opens it until `expires` (Unix seconds, fractions allowed)."""
        until = f"{expires:.3f}"
        signature = _encode(self._mac(f"{epoch} {until} {user} {path}"))
        return f"{quote(path)}?A-userid={quote(user)}&Expires={until}&Signature={signature}"

    def opens(self, path: str, params: dict[str, str], epoch: int) -> bool:
        """Whether the query's signature is that of this path, user and time."""
        asked = f"{epoch} {params.get('Expires')} {params.get('A-userid')} {path}"
        return hmac.compare_digest(params.get("Signature", "").encode(), _encode(self._mac(asked)).encode())

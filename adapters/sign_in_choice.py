"""How the user signs in to Earthdata, as a plain value."""

from __future__ import annotations

from dataclasses import dataclass

QGIS = "qgis"
"""The way to sign in that is not one of core's SIGN_IN."""


@dataclass(frozen=True)
class SignIn:
    """The choice; it holds no name, password or token."""

    how: str = "automatic"
    """One of core's SIGN_IN, or QGIS."""
    authcfg: str = ""
    """Id of an authentication of QGIS; read where `how` is QGIS."""

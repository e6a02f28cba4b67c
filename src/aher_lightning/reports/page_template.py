"""Rendering of self-contained HTML pages with a strict content security policy."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = "templates"
_SHARED_STYLE = "page.css"


def render_template(name: str, values: dict[str, object], *, allowed: str = "") -> str:
    """Return a page: a template with its style, its script and a content security policy that blocks everything else.

    Args:
        name: Name of the page's template files ``.html``, ``.css`` and ``.js``.
        values: Values of the template; texts are escaped.
        allowed: Further rules of the policy, such as ``media-src 'self'``; every other load is blocked.
    """
    style, script = _text(_SHARED_STYLE) + _text(f"{name}.css"), _text(f"{name}.js")
    loader = PackageLoader("aher_lightning.reports", _FOLDER)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page: str = environment.get_template(f"{name}.html").render(
        style=Markup(style), script=Markup(script), policy=_security_policy(style, script, allowed), **values
    )
    return page


def _text(name: str) -> str:
    """Return a file that is embedded unchanged."""
    return files("aher_lightning.reports").joinpath(_FOLDER).joinpath(name).read_text(encoding="utf-8")


def _security_policy(style: str, script: str, allowed: str) -> str:
    """Return a policy that allows this style, this script and the given rules only."""
    rules = ["default-src 'none'"]
    for kind, text in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rules.append(f"{kind}-src 'sha256-{digest}'")
    return "; ".join([*rules, *([allowed] if allowed else []), "base-uri 'none'", "form-action 'none'"])

"""A run as one HTML page that needs nothing else: no network, no other file, and without scripts still its findings."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from prober.report.html.fleet import runs_of
from prober.report.html.page import page
from prober.result import RunResult
from prober.terminal import printable

_HERE = files("prober.report.html")


def render(result: RunResult) -> str:
    """Return the page of one run."""
    return _page("page.html.jinja", "style.css", "script.js", page=page(result))


def render_fleet(results: Sequence[RunResult], total: str, proof: str) -> str:
    """Return the page of several runs, in the order that is given; it has no script."""
    runs = runs_of(results)
    worst = runs[0].page.verdict[0] if runs else "open"
    return _page("fleet.html.jinja", "style.css", "", runs=runs, total=total, proof=proof, worst=worst)


def _page(template: str, style_file: str, script_file: str, **values: Any) -> str:
    """Fill in a page. Every value is escaped as it is written, by the template engine and not by whoever thinks of it;
    the page's own policy allows this script and this style sheet by their hashes, and no connection to anywhere.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, finalize=_finalized, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, script = _own(style_file), _own(script_file) if script_file else ""
    known: Mapping[str, Any] = {
        **values,
        "style": Markup(style),  # noqa: S704 - a file of this package
        "script": Markup(script),  # noqa: S704
        "policy": _policy(style, script),
    }
    return environment.from_string(_own(template)).render(known)


def _own(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8").strip()


def _finalized(value: object) -> object:
    """Return plain texts without what could turn the direction of writing; they are escaped after this."""
    return printable(value) if type(value) is str else value


def _policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy: nothing is loaded, sent or run but what stands in it."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            f"style-src '{_hash(style)}'",
            "img-src data:",  # the empty icon, or a server that shows the page would be asked for one
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",  # text can become no markup
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"

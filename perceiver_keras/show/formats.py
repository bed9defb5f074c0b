"""How numbers are written on the pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NONE = "–"
MINUS = "\N{MINUS SIGN}"


def real(value: Any) -> float:
    """A number of a JSON file as a float; NaN for null and for anything that is not a number.

    Infinite values and NaN may be written as text there, since JSON has no numbers for them.
    """
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def number(value: Any) -> str:
    """A value with four useful digits: 0.9833, 1.234e-05, 360."""
    value = real(value)
    if not math.isfinite(value):
        return "not a number"
    if float(value).is_integer() and abs(value) >= 2:
        return _minus(f"{int(value):,}")
    text = f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"
    return _minus(text)


def short(value: Any) -> str:
    """A value with three useful digits, for many in a table: 0.983, 43.5, 44,100; `–` for None."""
    if value is None:
        return NONE
    value = real(value)
    if not math.isfinite(value):
        return "not a number"
    if float(value).is_integer() and abs(value) < 1e15:
        return _minus(f"{int(value):,}")
    if abs(value) >= 1000:
        return _minus(f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.2e}")
    return _minus(f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}")


def signed(value: Any) -> str:
    """A difference, with its sign: +0.0074."""
    value = real(value)
    if not math.isfinite(value):
        return "not a number"
    digits = f"{abs(value):.4f}" if 1e-4 <= abs(value) < 1e4 or value == 0 else f"{abs(value):.1e}"
    if not value:
        return digits
    return f"{'+' if value > 0 else MINUS}{digits}"


def interval(estimate: Mapping[str, Any] | None, *, difference: bool = False) -> str:
    """The interval of an estimate {"low", "high"} as `[0.972, 1.000]`; "" if it has none."""
    low, high = ends(estimate)
    if low is None or high is None:
        return ""
    return f"[{_end(low, difference)}, {_end(high, difference)}]"


def ends(estimate: Mapping[str, Any] | None) -> tuple[float, float] | tuple[None, None]:
    """The interval of an estimate {"low", "high"}; (None, None) if it has none."""
    low, high = (real((estimate or {}).get(end)) for end in ("low", "high"))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)


def _minus(text: str) -> str:
    """A number with a minus sign in front, as in the intervals, in place of a hyphen."""
    return f"{MINUS}{text[1:]}" if text.startswith("-") else text


def _end(value: float, difference: bool) -> str:
    size = abs(value)
    text = f"{size:.3f}" if 1e-3 <= size < 1e4 or value == 0 else f"{size:.1e}"
    sign = MINUS if value < 0 else "+" if difference and value > 0 else ""
    return f"{sign}{text}"


def percent(share: float | None) -> str:
    """A share as 12.3%; `–` for None."""
    return NONE if share is None else f"{100 * share:.1f}%"


def size(octets: float) -> str:
    """A number of bytes as 1.2 MiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if octets < 1024 or unit == "GiB":
            break
        octets /= 1024
    return f"{octets:,.0f} {unit}" if unit == "bytes" or octets >= 100 else f"{octets:.3g} {unit}"


def seconds(value: float) -> str:
    """A duration as 0.25 s, 9.4 s, 120 s."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def milliseconds(value: float) -> str:
    """A duration as 1.7 ms, 1,234 ms."""
    return f"{rounded(value)} ms"


def rounded(value: float) -> str:
    """Two useful digits, or a whole number: 1.7, 602."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def counted(count: int, what: str) -> str:
    """`1 example`, `2,000 examples`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"

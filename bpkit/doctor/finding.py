"""What the doctor found, and how it shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from .causes import CAUSES

_BEFORE, _AFTER = 34, 46  # characters of a long text that are shown about the place
_WHOLE = 400  # characters that are shown of a text that is to be compared as a whole
_PICTURES = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}


@dataclass(frozen=True)
class Finding:
    """Why a signature is refused. It never holds a secret, nor the signature.

    ``cause``: a slug of ``CAUSES``, several joined by " + "; "none" when the signature is right,
    "unknown" when it fits nothing. ``proven``: shown by mathematics or by the text itself.
    ``signed`` and ``expected``: the text that was signed, where it was found, and the one that
    should have been. ``place``: the first character where they differ, counted from 1. ``remedy``:
    one sentence.
    """

    cause: str
    proven: bool
    signed: str | None
    expected: str | None
    place: int | None
    remedy: str

    @property
    def title(self) -> str:
        """What is wrong, in a sentence for each cause."""
        return " ".join(CAUSES[slug].title for slug in self.cause.split(" + "))

    def __str__(self) -> str:
        return "\n".join((self._head, *self._texts, self.remedy))

    def _repr_html_(self) -> str:
        lines = [f"<b>{escape(self._head)}</b>"]
        if self._texts:
            coloured = "\n".join(self._coloured())
            lines.append(f'<pre style="margin:0">{coloured}</pre>')
        return "<br>".join((*lines, escape(self.remedy)))

    @property
    def _head(self) -> str:
        known = self.proven or self.cause == "unknown"
        return self.title if known else f"Not proven: {self.title}"

    @property
    def _texts(self) -> list[str]:
        """The two texts about the place, with a caret beneath it; nothing where they are equal."""
        if self.expected is None or self.cause == "none":
            return []
        if self.signed is None:
            return [f"expected: {_cut(self.expected, 0, _WHOLE)}"]
        if self.place is None:
            return []
        at = self.place - 1
        caret = " " * (len("expected: ") + at - _start(at) + (3 if _start(at) else 0)) + "^"
        return [f"signed:   {_cut(self.signed, at)}", f"expected: {_cut(self.expected, at)}", caret]

    def _coloured(self) -> list[str]:
        lines = self._texts
        if len(lines) < 3:
            return [escape(line) for line in lines]
        at = len(lines[2]) - 1
        left, right = lines[0], lines[1]
        same = 0
        while same < min(len(left), len(right)) - at and left[-1 - same] == right[-1 - same]:
            same += 1
        return [_marked(line, at, len(line) - same) for line in (left, right)]


def _start(at: int) -> int:
    """The first character shown of a text, when the character at ``at`` is what matters."""
    return at - _BEFORE if at > _BEFORE + 3 else 0


def _cut(text: str, at: int, after: int = _AFTER) -> str:
    """The text about the place; what cannot be seen as a picture of the same width."""
    start, stop = _start(at), at + after
    shown = text[start:stop].translate(_PICTURES).encode("utf-8", "replace").decode()
    return f"{'...' if start else ''}{shown}{'...' if stop < len(text) else ''}"


def _marked(line: str, start: int, stop: int) -> str:
    inner = escape(line[start:stop])
    mark = f'<span style="background:#f6b8b0;color:#000">{inner}</span>' if inner else ""
    return f"{escape(line[:start])}{mark}{escape(line[max(start, stop) :])}"

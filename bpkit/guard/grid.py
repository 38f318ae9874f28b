"""Round a number to a multiple of a unit within limits, exactly.

Pure. A multiple is found by integer division of exact fractions, so no float, no count of decimals
and no setting of ``decimal`` changes it.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from ..errors import InputError, RuleError
from ..serialize import scalar

LONGEST = 60  # digits of a number before the point, and after it
EXACT = Context(prec=999, traps=[Inexact])  # enough for every product of two such numbers
WAYS = {-1: "down", 0: "to the nearest", 1: "up"}

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


class Grid(NamedTuple):
    """The valid prices or quantities: the multiples of ``unit`` within two limits.

    ``rules``: the exchange's names of the unit, the lower and the upper limit.
    """

    word: str
    unit: Decimal
    rules: tuple[str, str, str]
    low: Decimal
    high: Decimal | None

    def __str__(self) -> str:
        most = "" if self.high is None else f" to {plain(self.high)}"
        return f"in {self.word}s of {plain(self.unit)} from {plain(self.low)}{most}"

    @property
    def least(self) -> int:
        """The smallest valid number of units."""
        return max(1, count_units(self.low, self.unit, 1))

    @property
    def low_rule(self) -> str:
        """The name of the rule that sets ``least``."""
        return self.rules[0] if self.low < self.unit else self.rules[1]

    def rounded(self, field: str, given: object, way: int) -> Decimal:
        """The multiple below (``way`` -1), nearest to (0) or above (1) the value. RuleError."""
        return self.within(
            field, given, count_units(number(field, given), self.unit, way), WAYS[way]
        )

    def within(self, field: str, given: object, count: int, way: str) -> Decimal:
        """So many units, if the limits allow it. RuleError."""
        made = multiple(count, self.unit)
        if count < self.least:
            least = plain(multiple(self.least, self.unit))
            limit, said, rule = least, "least", self.low_rule
        elif self.high is not None and made > self.high:
            limit, said, rule = plain(self.high), "most", self.rules[2]
        else:
            return made
        remedy = (
            f"is {plain(made)} after rounding {way} to the {self.word} of {plain(self.unit)}; "
            f"the {said} is {limit} ({rule})"
        )
        raise RuleError(field, given, remedy, rule, limit, plain(made))

    def broken(self, field: str, given: object) -> list[RuleError]:
        """Every rule that the value breaks as it is."""
        value = number(field, given)
        unit_rule, low_rule, high_rule = self.rules
        broken = []
        if Fraction(value) % Fraction(self.unit):
            said = f"is not a multiple of the {self.word}, which is"
            broken.append((said, self.unit, unit_rule))
        if value < self.low:
            broken.append(("is below the least, which is", self.low, low_rule))
        if self.high is not None and value > self.high:
            broken.append(("is above the most, which is", self.high, high_rule))
        return [
            RuleError(field, given, f"{said} {plain(limit)} ({rule})", rule, plain(limit), got)
            for (said, limit, rule), got in ((one, plain(value)) for one in broken)
        ]


def number(field: str, value: object) -> Decimal:
    """The number that was passed. InputError: a float, or not a number above zero."""
    text = str(value if isinstance(value, Decimal) else scalar(field, value))
    if not _NUMBER.fullmatch(text):
        raise InputError(field, value, 'is not a number; write text such as "1000.5"')
    number = Decimal(text)
    if number <= 0:
        raise InputError(field, value, "is not above zero")
    exponent = number.as_tuple().exponent
    if number.adjusted() >= LONGEST or (isinstance(exponent, int) and -exponent > LONGEST):
        raise InputError(field, value, f"has more than {LONGEST} digits on a side of the point")
    return number


def count_units(value: Decimal | Fraction, unit: Decimal, way: int) -> int:
    """How many units: rounded down (-1), to the nearest or the even one (0), or up (1)."""
    exact = Fraction(value) / Fraction(unit)
    if way == 0:
        return round(exact)
    return floor(exact) if way < 0 else ceil(exact)


def multiple(count: int, unit: Decimal) -> Decimal:
    """So many units, exactly: the thread's own context would round a long product."""
    return EXACT.multiply(Decimal(count), unit)


def plain(value: Decimal) -> str:
    """Text without an exponent and without zeros at the end: 1E+4 is 10000, 170.50 is 170.5."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

"""The methods of Client: one class for each section of the documentation.

A method has the operation id of the documentation as its name. Its parameters are those of the
documentation, in snake_case (``from`` is ``from_``). A class has the name of its section.
"""

from .account import Account
from .borrow_lend import BorrowLend, BorrowLendMarkets
from .capital import Capital, WithdrawalDelays
from .markets import Assets, Markets, Trades
from .orders import Order
from .positions import Position
from .rfq import RFQ
from .strategies import Strategy
from .system import System
from .vaults import Vaults

__all__ = [
    "RFQ",
    "Account",
    "Assets",
    "BorrowLend",
    "BorrowLendMarkets",
    "Capital",
    "Markets",
    "Order",
    "Position",
    "Strategy",
    "System",
    "Trades",
    "Vaults",
    "WithdrawalDelays",
]

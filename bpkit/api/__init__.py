"""The methods of Client, one class a section of the documentation.

A method bears the documentation's operation id; its parameters are the documentation's, in
snake_case (``from`` is ``from_``). A class bears its section's name, without the spaces.
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

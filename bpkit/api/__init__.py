"""The methods of Client, one file a section of the documentation.

A method bears the documentation's operation id; its parameters are the documentation's, in
snake_case.
"""

from .account import Account
from .history import History
from .markets import Markets
from .orders import Orders
from .system import System

__all__ = ["Account", "History", "Markets", "Orders", "System"]

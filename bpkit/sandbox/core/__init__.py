"""The exchange without HTTP: order books, balances, orders, positions."""

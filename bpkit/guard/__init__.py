"""Check a request before it is sent: market rules, limits, values of orders, request rate, hosts."""

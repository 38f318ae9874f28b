"""Check a request before it is sent: limits, values of orders, request rate, hosts."""

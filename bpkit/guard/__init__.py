"""Check a request before it is sent: rules of a market, limits, values, request rate, hosts."""

"""What a client may send where money is real: hosts, limits, values and request rates."""

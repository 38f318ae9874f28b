"""What a client may send where money is real."""

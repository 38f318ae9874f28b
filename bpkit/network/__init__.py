"""The way to the exchange: one request over one connection, and how far it got."""

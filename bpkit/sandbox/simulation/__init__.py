"""The simulated market: trades, candles and books computed from a seed, and fixed tables."""

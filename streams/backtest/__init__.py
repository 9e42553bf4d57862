"""Whether alerts and daily sentiment said anything about prices: event studies, rank correlations, spreads, exports.

Arrays are sessions × symbols throughout. Nothing in here reads a database or a clock; `streams.cli.backtest` brings the
rows of a run, `price_files` the bars.
"""

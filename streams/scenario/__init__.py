"""The bundled demo: an invented week of news and posts, with planted events and malformed records.

EVERYTHING IN IT IS FICTION. Sentences are templates of our own with random figures; brokers, publishers,
people and handles are made up; the planted "bad news" never happened. Companies are named only because
the gazetteer must recognise them; no sentence says anything about a real company.
"""

from streams.scenario.generator import generate
from streams.scenario.shapes import Planted, Record, Scenario, Truth

__all__ = ["Planted", "Record", "Scenario", "Truth", "generate"]

"""The one place with acknowledge, retry and bury: see `streams.runtime.delivery.lane`."""

from streams.runtime.delivery.lane import Lane, Policies
from streams.runtime.delivery.tally import Tally

__all__ = ["Lane", "Policies", "Tally"]

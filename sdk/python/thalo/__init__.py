"""Write aggregates: the rules of an event-sourced entity, which Thalo runs as WebAssembly."""

from thalo import log
from thalo.aggregate import Aggregate, Context, Rejection
from thalo.fields import Int64, Range, UInt64

__all__ = ["Aggregate", "Context", "Int64", "Range", "Rejection", "UInt64", "log"]

"""Campaigns of any size, inverted in chunks by several processes into a Zarr store that survives being killed."""

from .opened import BatchStore, open_store
from .plan import BatchPlan
from .run import run_batch
from .sources import LazyCampaign

__all__ = ["BatchPlan", "BatchStore", "LazyCampaign", "open_store", "run_batch"]

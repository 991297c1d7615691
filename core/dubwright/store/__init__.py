"""Results by the content that they were made from, so that nothing is computed twice."""

from dubwright.store.access import EVERYWHERE, Access
from dubwright.store.fingerprints import Fingerprints
from dubwright.store.store import Store, content_key, default_store_folder, rename
from dubwright.store.whole import whole

__all__ = [
    "EVERYWHERE",
    "Access",
    "Fingerprints",
    "Store",
    "content_key",
    "default_store_folder",
    "rename",
    "whole",
]

"""Names for types that libraries do not name."""

from typing import Any, TypeAlias

# Of the backend in use, symbolic or with values: Keras has no type that all of them share.
Tensor: TypeAlias = Any
# Sizes of axes; None is one that is known only when the network runs.
Shape: TypeAlias = tuple[int | None, ...]

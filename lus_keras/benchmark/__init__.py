"""Speed of this package: ratios to other libraries in one run, and cost of whole commands.

    lines (what) ─▶ interleave (alternating) ─▶ worker (one per contender) ─▶ contenders
      └─▶ end_to_end (commands: time, memory)                                  timing (arithmetic)

This module imports nothing, so that the workers start with minimal imports.
"""

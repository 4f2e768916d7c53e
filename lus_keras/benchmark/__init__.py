"""How fast this package is: ratios against peers in one run, and what whole commands cost.

    lines (what) ─▶ interleave (alternating) ─▶ worker (a contender each) ─▶ contenders
      └─▶ end_to_end (commands: time, memory)                                  timing (arithmetic)

Nothing is imported here: the workers start with as little as they can.
"""

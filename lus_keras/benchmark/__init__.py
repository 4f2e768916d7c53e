"""How fast this package is: ratios against peers in one run, and what whole commands cost.

    lines (what) ─▶ duel (alternating rounds) ─▶ child (one process a contender) ─▶ contenders
      └─▶ whole (commands: time, memory)                                       timing (arithmetic)

Nothing is imported here: the children start with as little as they can.
"""

"""From text and recordings to takes that last as long as their slots, and stems."""

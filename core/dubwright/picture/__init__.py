"""From mouth curves to pixels."""

"""From phones to what the mouth does."""

"""Timelines in and out. OpenTimelineIO's types live in this room only."""

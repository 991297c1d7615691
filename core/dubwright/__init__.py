"""Dubbing and lip-sync on OpenTimelineIO timelines and EXR plates."""

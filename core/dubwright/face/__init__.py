"""Following a face: tracking, the head frame, and when a mouth can be seen well enough."""

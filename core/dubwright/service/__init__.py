"""The local render service: the operations over loopback HTTP."""

"""The synthetic actor: demo, test fixture and ground truth. No product room imports it."""

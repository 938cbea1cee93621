"""Libraries on top of the official clients, end to end."""

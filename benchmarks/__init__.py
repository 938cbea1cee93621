"""What the gateway costs, beside others, on this machine: see README.md."""

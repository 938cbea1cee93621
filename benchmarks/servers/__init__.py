"""The gateways that are compared, one module each."""

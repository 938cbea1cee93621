"""Every caller's dialect against every provider: what goes upstream, and what comes back."""

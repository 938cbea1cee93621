"""Where the time of a call goes, found by looking from outside."""

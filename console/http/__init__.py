"""HTTP in, HTTP out: views parse and authorise, services decide, every error leaves as JSON."""

"""What stays open: the hub of taps, the sockets of the pages, and the keeper in the background."""

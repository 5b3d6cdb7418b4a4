"""Questions to the database and to what the broker reports; they change nothing."""

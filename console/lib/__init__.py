"""Pure helpers without Django models: environment, hosts, sealing, times, subjects."""

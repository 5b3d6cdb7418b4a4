"""What ``manage.py`` does before and around Django: the environment, and running all programs together.

Standard library only, but for ``prepare`` (a process of its own that loads Django) and the path of the embedded
Valkey; so it works on a machine where nothing is installed yet, and the supervisor stays small while it runs.
"""

"""The functions of a command from Python: options, cohorts, networks, and runs to be started and used."""

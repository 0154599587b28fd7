"""How a command starts: its options, its help, and what is printed when something goes wrong."""

"""Every option once, with its type, default, unit and bounds."""

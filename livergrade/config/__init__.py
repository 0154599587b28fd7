"""Definition and validation of all options: type, default, unit and bounds."""

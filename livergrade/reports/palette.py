"""Colours and the note shared by figures and pages; does not import Matplotlib."""

NOTE = "For research only; not for diagnosis."
INK, MUTED, RULE, WARNING = "#1d2733", "#5b6875", "#d5dbe1", "#b3261e"
BLUE, ORANGE, GREEN = "#1f5f99", "#c8741a", "#2e8268"
# Okabe & Ito's colour-blind safe palette, without its yellow (too pale on white).
GRADES = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7a5195")

"""What people graded, and how well they and a network agree."""

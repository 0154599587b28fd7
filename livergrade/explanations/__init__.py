"""Maps of what a network looks at, and whether they mean anything."""

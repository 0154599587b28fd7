"""From whole slides to images and a manifest, and from graded tiles to a map of the slide."""

"""Train and test one network with Lightning."""

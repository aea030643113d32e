"""The jobs of the value chain, the same on every cloud and on a laptop."""

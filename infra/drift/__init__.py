"""The drift report: whether what runs is what was declared, and whether the model still knows what it is asked."""

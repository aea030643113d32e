"""Refreshing the price book from the clouds' own price lists; aws.py and gcp.py stand side by side."""

"""Readers of file formats, one file each; `batches.py` says what they return."""

"""Pages that reports write: one self-contained HTML file each, with plots that follow the reader's light or dark."""

"""The report: records in, figures, tables and one self-contained page out. Nothing here needs torch or a GPU."""

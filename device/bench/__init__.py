"""What a model costs on this device, in figures that can be trusted and compared.

Whatever is compared is measured in turns, in random order, in one process: a change of clock or temperature meets all
of it alike. Figures are percentiles, never a mean alone, and the board's own condition is part of every report.
"""

# Constant bytes that are embedded: one line a file.

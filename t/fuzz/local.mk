# Fuzz targets: built and run by t/fuzz/run, never by make.
EXTRA_DIST += t/fuzz

# Installed data of the catalog.

"""Networks of the papers, one file per architecture: modules alone, no files and no losses."""

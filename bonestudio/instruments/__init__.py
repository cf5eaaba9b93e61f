"""What a tab, the command line or a notebook calls: images in, typed results out."""

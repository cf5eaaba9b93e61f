"""Clinical numbers of bone: compartments and micro-architecture of HR-pQCT scans."""

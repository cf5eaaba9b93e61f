"""Tables of the papers, one file each: given data and weights, the numbers beside the paper's own."""

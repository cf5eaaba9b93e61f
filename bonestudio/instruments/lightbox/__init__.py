"""Films and scans opened, looked at and saved without their patient; every system opens them here.

``films``: LightBox, for radiographs. ``scans``: Scan and ScanViewer, for volumes, with ``scan_files``
(what a person hands over), ``scan_views`` (windows, surface, small copy), ``scan_pictures`` (stills,
turntables, STL), ``scan_boards`` (slices beside a drawing) and ``glb`` (a surface for browsers).
"""

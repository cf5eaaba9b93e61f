// Where a key moves the crosshair: columns, rows, slices of the file, by the pane that has the focus.
export const ALONG = {
  axial: {
    ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0],
    ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
    PageUp: [0, 0, 1], PageDown: [0, 0, -1],
  },
  coronal: {
    ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0],
    ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1],
    PageUp: [0, 1, 0], PageDown: [0, -1, 0],
  },
  sagittal: {
    ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
    ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1],
    PageUp: [1, 0, 0], PageDown: [-1, 0, 0],
  },
};

// Degrees that a key turns the 3D view: azimuth, elevation.
export const TURNS = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5] };

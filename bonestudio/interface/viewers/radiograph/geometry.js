// Where the film lies on the screen. A view is {orientation, scale, x, y}: the film's point (x, y) in
// pixels sits in the middle of the box, `scale` is screen pixels per film column, and `orientation`
// is a 2 × 2 matrix of whole quarter turns and mirrors, row after row.

export const UPRIGHT = [1, 0, 0, 1];
const QUARTER_RIGHT = [0, -1, 1, 0]; // screen y points down
const QUARTER_LEFT = [0, 1, -1, 0];
const MIRROR_SIDEWAYS = [-1, 0, 0, 1];
const MIRROR_UPRIGHT = [1, 0, 0, -1];
export const TURNS = {right: QUARTER_RIGHT, left: QUARTER_LEFT, sideways: MIRROR_SIDEWAYS, upright: MIRROR_UPRIGHT};

const product = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];

// The new step happens on the screen, after all steps before it.
export const turned = (orientation, step) => product(TURNS[step], orientation).map((entry) => entry + 0);

// Rows may be thicker than columns are wide; the film is drawn in its true shape.
export const aspect = (film) => (film.spacing ? film.spacing[0] / film.spacing[1] : 1);

export function toScreen(view, film, box) {
	const [a, b, c, d] = view.orientation;
	const across = view.scale;
	const down = view.scale * aspect(film);
	return new DOMMatrix([a * across, c * across, b * down, d * down, box.width / 2, box.height / 2])
		.translateSelf(-view.x, -view.y);
}

export const onScreen = (matrix, point) => {
	const {x, y} = matrix.transformPoint(point);
	return {x, y};
};

export function fitted(film, box, orientation = UPRIGHT) {
	const [width, height] = [film.width, film.height * aspect(film)];
	const [across, down] = orientation[0] === 0 ? [height, width] : [width, height];
	const scale = Math.min((box.width - 16) / across, (box.height - 16) / down);
	return {orientation, scale: Math.max(scale, 1e-3), x: film.width / 2, y: film.height / 2};
}

// Zoom by a factor so that what lies under `spot` (screen) stays under it.
export function zoomed(view, film, box, factor, spot) {
	const scale = Math.min(64, Math.max(0.02, view.scale * factor));
	const under = toScreen(view, film, box).inverse().transformPoint(spot);
	const moved = toScreen({...view, scale}, film, box).inverse().transformPoint(spot);
	return {...view, scale, x: view.x + under.x - moved.x, y: view.y + under.y - moved.y};
}

export function panned(view, film, box, dx, dy) {
	const matrix = toScreen(view, film, box).inverse();
	const from = matrix.transformPoint({x: 0, y: 0});
	const to = matrix.transformPoint({x: dx, y: dy});
	const within = (value, most) => Math.min(most, Math.max(0, value));
	return {
		...view,
		x: within(view.x - (to.x - from.x), film.width),
		y: within(view.y - (to.y - from.y), film.height),
	};
}

// In words, for the mark in the corner; empty when the film lies as it was read.
export function orientationMark([a, b, c, d]) {
	const mirrored = a * d - b * c < 0;
	// Undo a sideways mirror, then read the angle (clockwise on the screen).
	const degrees = (Math.round(Math.atan2(c, mirrored ? -a : a) * (180 / Math.PI)) + 360) % 360;
	return [mirrored ? "mirrored" : "", degrees ? `turned ${degrees}°` : ""].filter(Boolean).join(" · ");
}

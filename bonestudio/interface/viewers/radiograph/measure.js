// Lengths and angles on the film: points in film pixels, values in mm where the spacing is known.

export const POINTS_OF = {length: 2, angle: 3};

// One step along a row or a column in mm, or in pixels (columns) when nobody knows.
const steps = (film) => film.spacing ?? [1, 1];

const offset = (film, from, to) => {
	const [down, across] = steps(film);
	return [(to.x - from.x) * across, (to.y - from.y) * down];
};

export function valueOf(film, {kind, points}) {
	if (kind === "length") return Math.hypot(...offset(film, points[0], points[1]));
	const first = offset(film, points[1], points[0]);
	const second = offset(film, points[1], points[2]);
	const cross = first[0] * second[1] - first[1] * second[0];
	const dot = first[0] * second[0] + first[1] * second[1];
	return Math.abs(Math.atan2(cross, dot)) * (180 / Math.PI);
}

export function labelOf(film, measure) {
	if (measure.points.length < POINTS_OF[measure.kind]) return "";
	const value = valueOf(film, measure).toFixed(1);
	if (measure.kind === "angle") return `${value}°`;
	return film.spacing ? `${value} mm` : `${value} px`;
}

// The end of a finished measurement near a place on the screen, if there is one.
export function grabbed(measures, matrix, spot, reach) {
	for (const measure of [...measures].reverse()) {
		for (const [index, point] of measure.points.entries()) {
			const at = matrix.transformPoint(point);
			if (Math.hypot(at.x - spot.x, at.y - spot.y) <= reach) return {measure, index};
		}
	}
	return null;
}

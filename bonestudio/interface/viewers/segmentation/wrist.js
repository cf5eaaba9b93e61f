// The wrist's numbers from its landmarks, as bonestudio/measures/wrist.py has them, so that a line that
// is dragged tells its value at once. A landmark is [row, column] in pixels; spacing [row, column] in mm.

const NEEDS = {
	radial_inclination: ["sigmoid_notch", "radial_styloid"],
	ulnar_variance: ["sigmoid_notch", "ulnar_head"],
	volar_tilt: ["volar_lip", "dorsal_lip"],
};

export const NAMES = {
	axis_near: "shaft's axis, lower end",
	axis_far: "shaft's axis, upper end",
	radial_styloid: "radial styloid",
	sigmoid_notch: "sigmoid notch",
	ulnar_head: "ulnar head",
	dorsal_lip: "dorsal lip",
	volar_lip: "volar lip",
};

const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];
const plus = (a, b, times) => [a[0] + times * b[0], a[1] + times * b[1]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
const length = (a) => Math.hypot(a[0], a[1]);

// {value, lines}: degrees or mm, and pairs of [row, column]; null where a landmark is missing.
export function measure(name, marks, spacing) {
	const needs = ["axis_near", "axis_far", ...NEEDS[name]];
	if (needs.some((need) => !marks[need])) return null;
	const step = spacing ?? [1, 1];
	const [near, far, first, second] = needs.map((need) => [marks[need][0] * step[0], marks[need][1] * step[1]]);
	const axis = minus(far, near);
	if (!length(axis)) return null;
	const along = axis.map((part) => part / length(axis));
	const line = minus(second, first);
	const rise = dot(line, along);
	const run = length(plus(line, along, -rise));
	const onFilm = (point) => [point[0] / step[0], point[1] / step[1]];
	const foot = onFilm(plus(second, along, -rise)); // on the perpendicular to the axis
	const [one, other] = NEEDS[name].map((need) => marks[need]);
	if (name === "ulnar_variance") return {value: rise, lines: [[one, foot], [foot, other]]};
	return {value: (Math.atan2(rise, run) * 180) / Math.PI, lines: [[one, other], [one, foot]]};
}

export const needed = (name) => ["axis_near", "axis_far", ...NEEDS[name]];

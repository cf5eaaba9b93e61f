// Where a break lies on the film. Vectors of the server are [row, column] in pixels; points here are {x, y}.

const SHORTEST = 18; // film pixels from the middle to an end of the handle

const vector = ([row, column]) => ({x: column, y: row});
const dot = (a, b) => a.x * b.x + a.y * b.y;
const length = (a) => Math.hypot(a.x, a.y);
const plus = (a, b, times = 1) => ({x: a.x + times * b.x, y: a.y + times * b.y});
const clamp = (number, [low, high]) => Math.min(high, Math.max(low, number));
const radians = (degrees) => (degrees * Math.PI) / 180;

// Whether this view shows enough of the slope to take hold of it.
export const across = (value) => Math.abs(value.seen) > 0.2;

const middleAt = (value, level) => {
	const at = vector(value.at);
	return plus({x: at.x + 0.5, y: at.y + 0.5}, vector(value.along), level - value.level); // pixel centres
};

// The plane of the break cuts the film along  p cos(o) - a s sin(o)  (p across, a along the bone, s what is seen).
export function ends(value, level, obliquity) {
	const along = vector(value.along);
	const unit = {x: along.x / length(along), y: along.y / length(along)};
	const side = vector(value.across);
	const slope = radians(obliquity);
	const raw = plus({x: side.x * Math.cos(slope), y: side.y * Math.cos(slope)}, unit, -value.seen * Math.sin(slope));
	const half = Math.max(SHORTEST, 1.4 * value.width) / length(raw);
	const clear = Math.max(0.4 * SHORTEST, 0.75 * value.width) / length(raw); // the bone itself stays in sight
	const middle = middleAt(value, level);
	const low = plus(middle, along, value.levels[0] - level);
	const high = plus(middle, along, value.levels[1] - level);
	const at = (share) => plus(middle, raw, share);
	return {middle, low, high, from: at(-half), near: at(-clear), far: at(clear), to: at(half)};
}

export function levelAt(value, level, start, point) {
	const along = vector(value.along);
	return clamp(level + dot(plus(point, start, -1), along) / dot(along, along), value.levels);
}

// An end dragged to a point; sign is 1 for the end towards `across`, -1 for the other.
export function obliquityAt(value, level, point, sign) {
	const along = vector(value.along);
	const offset = plus(point, middleAt(value, level), -1);
	const aside = Math.max(1e-3, sign * dot(offset, vector(value.across)));
	const rise = (-sign * Math.sign(value.seen) * dot(offset, along)) / length(along);
	const degrees = (Math.atan2(rise, aside * Math.abs(value.seen)) * 180) / Math.PI;
	return clamp(degrees, value.obliquities);
}

// Draw a viewer on its canvas: films under the wipe, overlays, measurements, cursor.
import {onScreen} from "./geometry.js";
import {labelOf, POINTS_OF} from "./measure.js";

const MEASURE = "#4cc9f0"; // the image is black in both themes, so these are too
const IVORY = "#e8dcc4";
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";
const PIXELS_SEEN_FROM = 6; // screen pixels per film pixel from which single pixels are shown

export function draw(viewer, canvas) {
	const ratio = window.devicePixelRatio || 1;
	const {width, height} = viewer.box;
	const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
	if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
	const context = canvas.getContext("2d");
	context.setTransform(1, 0, 0, 1, 0, 0);
	context.fillStyle = "#000";
	context.fillRect(0, 0, wide, high);
	if (!viewer.film || !viewer.view) return;
	viewer.paintFilms();
	const screen = new DOMMatrix().scaleSelf(ratio, ratio);
	drawFilm(context, screen, viewer, viewer.films[0]);
	if (viewer.films[1]) drawSecond(context, screen, viewer, ratio);
	if (viewer.overlayShown) drawOverlays(context, screen, viewer);
	context.setTransform(screen);
	if (viewer.films[1]) drawEdge(context, viewer);
	drawMeasures(context, viewer);
}

function place(context, screen, viewer) {
	context.setTransform(screen.multiply(viewer.matrix));
	context.imageSmoothingEnabled = viewer.film.smooth || viewer.view.scale < PIXELS_SEEN_FROM;
	context.imageSmoothingQuality = "high";
}

function drawFilm(context, screen, viewer, film) {
	place(context, screen, viewer);
	context.drawImage(film.canvas, 0, 0, viewer.film.width, viewer.film.height);
}

function drawSecond(context, screen, viewer, ratio) {
	const edge = viewer.wipe * viewer.box.width;
	context.save();
	context.setTransform(1, 0, 0, 1, 0, 0);
	context.beginPath();
	context.rect(edge * ratio, 0, (viewer.box.width - edge) * ratio, viewer.box.height * ratio);
	context.clip();
	drawFilm(context, screen, viewer, viewer.films[1]);
	context.restore();
}

function drawOverlays(context, screen, viewer) {
	context.save();
	place(context, screen, viewer);
	context.globalAlpha = viewer.opacity;
	for (const overlay of viewer.overlays) {
		if (overlay.shown) context.drawImage(overlay.picture, 0, 0, viewer.film.width, viewer.film.height);
	}
	context.restore();
}

function drawEdge(context, viewer) {
	const x = Math.round(viewer.wipe * viewer.box.width) + 0.5;
	const y = viewer.box.height / 2;
	context.strokeStyle = IVORY;
	context.fillStyle = "#000";
	context.lineWidth = 1;
	context.beginPath();
	context.moveTo(x, 0);
	context.lineTo(x, viewer.box.height);
	context.stroke();
	context.beginPath();
	context.arc(x, y, 12, 0, 2 * Math.PI);
	context.fill();
	context.stroke();
	context.beginPath();
	for (const side of [-1, 1]) {
		context.moveTo(x + side * 3, y - 4);
		context.lineTo(x + side * 7, y);
		context.lineTo(x + side * 3, y + 4);
	}
	context.stroke();
}

function drawMeasures(context, viewer) {
	context.font = FONT;
	context.lineJoin = "round";
	for (const measure of viewer.measures) drawMeasure(context, viewer, measure);
	if (viewer.draft && viewer.cursor) {
		const points = [...viewer.draft.points, viewer.cursor];
		drawMeasure(context, viewer, {...viewer.draft, points});
	}
	if (POINTS_OF[viewer.tool] && viewer.cursor) drawCross(context, onScreen(viewer.matrix, viewer.cursor));
}

function drawMeasure(context, viewer, measure) {
	const spots = measure.points.map((point) => onScreen(viewer.matrix, point));
	context.beginPath();
	spots.forEach((spot, index) => (index ? context.lineTo(spot.x, spot.y) : context.moveTo(spot.x, spot.y)));
	outlined(context, () => context.stroke());
	for (const spot of spots) {
		context.beginPath();
		context.arc(spot.x, spot.y, 3, 0, 2 * Math.PI);
		outlined(context, () => context.stroke());
	}
	const label = labelOf(viewer.film, measure);
	if (!label) return;
	const at = measure.kind === "angle" ? spots[1] : spots[1].x >= spots[0].x ? spots[1] : spots[0];
	const width = context.measureText(label).width;
	const x = Math.min(at.x + 8, viewer.box.width - width - 8);
	const y = Math.min(Math.max(at.y - 8, 16), viewer.box.height - 8);
	context.fillStyle = "rgba(0, 0, 0, .7)";
	context.fillRect(x - 4, y - 13, width + 8, 18);
	context.fillStyle = MEASURE;
	context.fillText(label, x, y);
}

function drawCross(context, {x, y}) {
	context.beginPath();
	for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
		context.moveTo(x + dx * 4, y + dy * 4);
		context.lineTo(x + dx * 12, y + dy * 12);
	}
	outlined(context, () => context.stroke());
}

// Cyan with a black rim can be seen on bone and on air.
function outlined(context, stroke) {
	context.strokeStyle = "rgba(0, 0, 0, .7)";
	context.lineWidth = 3.5;
	stroke();
	context.strokeStyle = MEASURE;
	context.lineWidth = 1.5;
	stroke();
}

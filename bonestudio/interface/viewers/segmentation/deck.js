// Under the image: how much of the bones is seen, and the brush.
const HTML = `
<label class="sg-wide"><span>Bones over the film</span><input type="range" class="sg-opacity" min="0" max="100" step="1" aria-label="Opacity of the bones in per cent"><output class="sg-share"></output></label>
<div class="sg-bar">
	<button type="button" data-do="contour" aria-pressed="false" title="Outlines alone (C)">Contour</button>
	<span class="sg-gap"></span>
	<button type="button" data-do="brush" aria-pressed="false" title="Paint the chosen bone (B)">Brush</button>
	<button type="button" data-do="eraser" aria-pressed="false" title="Rub out what is shown (E)">Eraser</button>
	<label class="sg-size"><span>Size</span><input type="range" class="sg-radius" min="1" max="80" step="1" aria-label="Radius of the brush in pixels (comma, full stop)"></label>
	<button type="button" data-do="undo" title="Take the last stroke back (Z)">Undo</button>
	<p class="sg-hint" role="status"></p>
</div>`;

export function furnishDeck(deck, bones, viewer, actions) {
	deck.innerHTML = HTML;
	deck.inert = true;
	const part = (name) => deck.querySelector(`.sg-${name}`);
	part("opacity").addEventListener("input", (event) => viewer.setOpacity(event.target.value / 100));
	part("radius").addEventListener("input", (event) => bones.setRadius(Number(event.target.value)));
	part("bar").addEventListener("click", (event) => actions[event.target.closest("[data-do]")?.dataset.do]?.());
	const refresh = () => {
		deck.inert = !bones.film;
		if (!bones.film) return;
		part("opacity").value = Math.round(100 * viewer.opacity);
		part("share").textContent = `${Math.round(100 * viewer.opacity)} %`;
		part("radius").value = bones.radius;
		press(deck, "contour", bones.contour);
		press(deck, "brush", viewer.tool === "brush");
		press(deck, "eraser", viewer.tool === "eraser");
		deck.querySelector('[data-do="undo"]').disabled = !bones.canUndo;
		part("hint").textContent = {brush: `Paints ${bones.bones[bones.chosen].name}; hidden bones stay`, eraser: "Rubs out what is shown"}[viewer.tool] ?? "";
	};
	viewer.onchange(refresh);
	bones.onchange(refresh);
}

const press = (deck, name, on) => deck.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", String(on));

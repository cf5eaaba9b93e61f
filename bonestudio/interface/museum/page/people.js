// A child, a teenager and an adult as simple outlines, drawn from a few proportions.
const PEOPLE = [
	{age: 1, tall: 0.5, head: 0.115, shoulder: 0.115, hip: 0.1, legs: 0.6},
	{age: 12.5, tall: 0.84, head: 0.075, shoulder: 0.12, hip: 0.085, legs: 0.54},
	{age: 19, tall: 1, head: 0.065, shoulder: 0.135, hip: 0.09, legs: 0.52},
];

export function drawPeople(box, oldest) {
	box.innerHTML = PEOPLE.map(
		(person) =>
			`<svg data-age="${person.age}" data-tall="${person.tall}" viewBox="-20 0 40 100"><circle cx="0" cy="${100 * person.head}" r="${100 * person.head - 0.7}"/><path d="${outline(person)}"/></svg>`,
	).join("");
	// The page's policy forbids styles in the markup.
	for (const figure of box.children) {
		const {age, tall} = figure.dataset;
		Object.assign(figure.style, {left: `${(100 * age) / oldest}%`, height: `${100 * tall}%`});
	}
}

export function markNearest(box, age) {
	const figures = [...box.children];
	const far = (figure) => Math.abs(figure.dataset.age - age);
	const nearest = figures.reduce((best, figure) => (far(figure) < far(best) ? figure : best));
	for (const figure of figures) figure.dataset.near = figure === nearest ? "yes" : "no";
}

// Half of the body from the neck down, then its mirror image; 100 units are the person's height.
function outline({head, shoulder, hip, legs}) {
	const [neck, wide, waist] = [200 * head + 1, 100 * shoulder, 100 * hip];
	const [crotch, hand] = [100 * legs, 100 * legs - 2];
	const right = [
		[3, neck],
		[wide - 2, neck + 3],
		[wide, neck + 7],
		[wide + 3, hand - 1],
		[wide + 1, hand + 2],
		[wide - 1, hand - 1],
		[waist, neck + 15],
		[waist, crotch - 6],
		[waist, 97],
		[waist - 1.5, 99.3],
		[2.5, 99.3],
		[1.6, 97],
		[0, crotch],
	];
	const left = right.slice(0, -1).reverse().map(([x, y]) => [-x, y]);
	return `M${[...right, ...left].map((point) => point.map((number) => number.toFixed(1)).join(" ")).join("L")}`;
}

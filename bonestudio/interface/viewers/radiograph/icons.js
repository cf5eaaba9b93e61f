// Line drawings of 16 × 16, in the colour of the text.
const drawn = (body) =>
	`<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round">${body}</svg>`;

export const ICONS = {
	window: drawn('<circle cx="8" cy="8" r="5.5"/><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" stroke="none"/>'),
	pan: drawn('<path d="M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2"/>'),
	length: drawn('<path d="M2 11.5 11.5 2 14 4.5 4.5 14zM5 8.5l1.5 1.5M7.5 6l1.5 1.5M10 3.5 11.5 5"/>'),
	angle: drawn('<path d="M12.5 3 3 13h11M7.2 8.6A6 6 0 0 1 9 13"/>'),
	invert: drawn('<rect x="2" y="2" width="12" height="12" rx="1.5"/><path d="M2.5 13.5 13.5 2.5V12.5a1 1 0 0 1-1 1z" fill="currentColor" stroke="none"/>'),
	right: drawn('<path d="M13.5 8A5.5 5.5 0 1 1 11.6 3.8M12 1.2v3h-3"/>'),
	sideways: drawn('<path d="M8 1.5v13" stroke-dasharray="2 2"/><path d="M6 4v8H1.5zM10 4v8h4.5z"/>'),
	clear: drawn('<path d="M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4M6.7 6.5v4.5M9.3 6.5v4.5"/>'),
	reset: drawn('<path d="M2.5 8A5.5 5.5 0 1 0 4.4 3.8M4 1.2v3h3"/><circle cx="8" cy="8" r="1" fill="currentColor" stroke="none"/>'),
	overlay: drawn('<path d="M8 2 14 5.5 8 9 2 5.5zM2.5 8.5 8 11.7l5.5-3.2M2.5 11.2 8 14.4l5.5-3.2"/>'),
	full: drawn('<path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/>'),
	help: drawn('<circle cx="8" cy="8" r="6"/><path d="M6.3 6.3a1.7 1.7 0 1 1 2.4 1.6c-.5.2-.7.5-.7 1.1M8 11.3v.1"/>'),
};

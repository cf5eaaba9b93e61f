"""Viewers that run in the browser, as Gradio components that every tab shares."""

"""Keep Gradio and its companions from calling home; imported before Gradio is."""

import os

_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}

os.environ.update(_SILENT)

# Gradio asks its own server whether it is up; a hospital's proxy must not stand between the two.
_DIRECT = "127.0.0.1,localhost,::1"
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), _DIRECT)))

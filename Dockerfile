# Bone Studio for other computers than this one, behind accounts (a file of 'name:password' lines):
#   docker build --tag bonestudio .
#   docker run --publish 7860:7860 --volume bonestudio:/data \
#     --volume "$PWD/accounts.txt:/run/secrets/accounts:ro" bonestudio
FROM python:3.11-slim-bookworm

# Mesa and EGL draw the stills of scans where there is no graphics card. Debian keeps one version of
# each, so there is none to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core libegl-mesa0 libegl1 libgl1 libgl1-mesa-dri \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app

# The pins alone first: this layer is kept while only the studio changes. Torch comes by itself,
# so that `--build-arg PIP_EXTRA_INDEX_URL=…` can offer its CPU build, a tenth of the other's size.
ARG PIP_EXTRA_INDEX_URL
COPY constraints.txt ./
RUN pip install --constraint constraints.txt torch==2.13.0

COPY pyproject.toml README.md LICENSE LICENSE-RSNA-WEIGHTS ./
COPY bonestudio bonestudio
COPY checkpoints checkpoints
COPY assets assets
COPY training training
RUN pip install --constraint constraints.txt '.[study]' \
    && python -P -m bonestudio.interface.fetch_viewer \
    && rm -rf /app/*

# Studies and what can be made again lie in /data; nothing else is written but to /tmp.
RUN useradd --create-home --uid 1000 bone && install --directory --owner bone /data
USER 1000
ENV XDG_DATA_HOME=/data \
    BONESTUDIO_CACHE=/data/cache
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=5)"]
CMD ["bonestudio", "serve", "--host", "0.0.0.0", "--port", "7860", "--accounts", "/run/secrets/accounts"]

# The service as a container: `docker build .` for CPUs, `docker build --build-arg VARIANT=cuda .` for NVIDIA GPUs.
# The base is named by its tag, so that a build has Debian's newest fixes. Who wants the same bytes each time appends the digest
# that `docker pull` prints, @sha256:…, in both places; .github/dependabot.yml then proposes each newer one.
FROM python:3.12-slim-bookworm AS build
ARG VARIANT=cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY deploy/requirements-cpu.txt deploy/requirements-cuda.txt /build/
RUN case "$VARIANT" in cpu|cuda) ;; *) echo "VARIANT is cpu or cuda, not '$VARIANT'" >&2; exit 1 ;; esac \
 && /venv/bin/pip install --no-deps --require-hashes -r "/build/requirements-$VARIANT.txt"

FROM python:3.12-slim-bookworm
RUN useradd --uid 1000 --create-home colorize \
 && install -d -o colorize -g root -m 775 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY colorize_service colorize_service
COPY LICENSE NOTICE wsgi.py gunicorn.conf.py ./
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=7860 STORAGE_DIR=/data \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["gunicorn"]

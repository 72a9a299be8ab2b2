# The image that BentoML's own Dockerfile gives, without what only building it took: compilers, git,
# package lists and caches, 650 MB of it. deploy/build-image builds it.
ARG BUILT
FROM ${BUILT} AS built

FROM python:3.11-slim
RUN groupadd --gid 1034 bentoml && useradd --create-home --uid 1034 --gid 1034 bentoml
COPY --from=built /app /app
COPY --from=built --chown=bentoml:bentoml /home/bentoml/bento /home/bentoml/bento
ARG BACKEND=auto
ARG DEVICE=auto
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1 VIRTUAL_ENV=/app/.venv PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/home/bentoml/bento/src \
    BENTO_PATH=/home/bentoml/bento BENTOML_HOME=/home/bentoml BENTOML_CONTAINERIZED=true BENTOML_DO_NOT_TRACK=True \
    RETOUCH_BACKEND=$BACKEND RETOUCH_DEVICE=$DEVICE
WORKDIR /home/bentoml/bento
EXPOSE 3000
USER bentoml
ENTRYPOINT ["/home/bentoml/bento/env/docker/entrypoint.sh"]

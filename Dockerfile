# The course in an image, for one person or for JupyterHub: docs/setup.md.
FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 asl
ENV ASL_CACHE=/srv/asl
WORKDIR /course
COPY . .
RUN sh scripts/install.sh "jupyterhub>=5,<7" jupyter-server-proxy && chmod -R a+rX /course /srv/asl
USER asl
EXPOSE 8888
ENTRYPOINT ["sh", "/course/scripts/start.sh"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
